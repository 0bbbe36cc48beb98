"""How far are the trained weights and predictions of a comparison's runs from those of its first?

`python -m benchmarks.agreement RESULTS` reads a results folder of `compare.py` and prints, for each
run and seed, the largest difference of any weight and how many predictions differ.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from safetensors.numpy import load_file
from tyro.conf import Positional, arg

from benchmarks.command import run_benchmark
from shared import formats
from shared.errors import UsageError
from shared.results_file import load_results


@dataclass(frozen=True)
class Request:
    """Measure how far trained weights and predictions are from those of the first run."""

    results: Annotated[Positional[Path], arg(metavar="RESULTS")]
    """Folder of results that compare.py wrote."""


def measure(request: Request) -> int:
    """Print one line for each run and seed; returns the exit status.

    Raises:
        UsageError: the folder holds no results.
    """
    folder = request.results
    try:
        runs = load_results(folder / "results.json").runs
    except OSError as error:
        raise UsageError(
            f"{folder}: expected a folder of results, but results.json cannot be read "
            f"({error.strerror}); name one that compare.py wrote."
        ) from None
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
            f"{formats.error(distance, 1)}, {np.count_nonzero(labels != others)} of {len(labels)} "
            "predictions differ"
        )
    return 0


if __name__ == "__main__":
    sys.exit(run_benchmark("agreement", Request, measure))
