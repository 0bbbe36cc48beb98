"""How far are the trained weights and predictions of a comparison's runs from those of its first?

`python -m benchmarks.agreement RESULTS` reads a results folder of `compare.py` and prints, for each
run and seed, the largest difference of any weight and how many predictions differ.
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from shared.results import load_results


def main() -> int:
    """Print one line for each run and seed; returns the exit status."""
    folder = Path(sys.argv[1])
    runs = load_results(folder / "results.json").runs
    baseline = {run.seed: run for run in runs if run.run == runs[0].run}
    for run in sorted(runs, key=lambda run: (run.run, run.seed)):
        first = baseline[run.seed]
        if run is first:
            continue
        expected, weights = (load_file(folder / each.weights) for each in (first, run))
        distance = max(np.abs(weights[name] - expected[name]).max() for name in expected)
        labels, others = (
            load_file(folder / each.predictions)["logits"].argmax(axis=1) for each in (first, run)
        )
        print(
            f"{run.run} and {first.run}, seed {run.seed}, {len(run.epochs)} epochs: weights within "
            f"{distance:.1e}, {np.count_nonzero(labels != others)} of {len(labels)} predictions "
            "differ"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
