"""Are our variants faster than what one would otherwise type, and how near are they to the floor?

`python -m benchmarks.baselines [RUN ...]` times the scripts of `benchmarks/tutorials`, our runs and
the floor, interleaved, each in a process of its own with the same threads, and prints the ratios.
"""

import gzip
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from rich import box
from rich.table import Table

from benchmarks.command import run_benchmark
from comparison import plan
from comparison.children import TEXT, child_environment
from comparison.floor import lowest, measure_floor
from comparison.jobs import run_job
from report import sentences, terminal, wording
from report.intervals import ratio_interval
from report.progress import RunProgress
from shared import formats
from shared.clock import Clock
from shared.config import TrainConfig
from shared.dataset_files import find, unzip
from shared.dataset_records import DATASETS
from shared.datasets import LARGEST_IDX
from shared.environment import describe_environment
from shared.flags import Flag, Interpreters, RunNames
from shared.registry import RUNS
from shared.results import Floor, RunResult, completed, group_by_run, pool
from shared.sampling import load, prepare
from shared.threads import physical_cores, prepare_environment

SCRIPTS = Path(__file__).parent / "tutorials"
# What one would otherwise type, by the implementation that is set against it.
TUTORIALS = {
    "pytorch": "torch_tutorial.py",
    "tensorflow": "keras_tutorial.py",
    "numpy": "sklearn_tutorial.py",
}
HEADER = ("run", "epoch, seconds", "times the tutorial's speed", "times the floor", "test accuracy")
EPOCH = re.compile(r"^epoch \d+: ([\d.]+) seconds, test accuracy ([\d.]+)$", re.MULTILINE)
FLOOR_REPEATS = 3


@dataclass(frozen=True)
class Request:
    """Time our runs on MNIST against tutorial scripts and against the floor."""

    run: RunNames = ("pytorch/eager", "pytorch/compiled", "tensorflow/fit", "tensorflow/compiled")
    repeats: int = 3
    """Interleaved repeats of every run."""
    epochs: int = 3
    """Epochs of each run; the epoch time is the median of all but the first."""
    threads: int = field(default_factory=physical_cores)
    """CPU threads. Default: one per physical core."""
    data_dir: Path = field(default_factory=lambda: TrainConfig().data_dir)
    """Folder of the datasets, filled on first use. Default: $DATA_DIR, else data."""
    offline: Flag = False
    """Never use the network."""
    python: Interpreters = ()
    """Python interpreter for one implementation, as tensorflow=PATH."""


def lay_out(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the four files, IDX as they are or zipped, as Keras's and torchvision's users do."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in files.items():
        plain = unzip(content, LARGEST_IDX)
        (raw / name).with_suffix("").write_bytes(plain)
        (folder / name).write_bytes(gzip.compress(plain, 1))


def run_tutorial(script: str, interpreter: str, folder: Path, config: TrainConfig) -> RunResult:
    """Run one script in a process of its own; returns its epoch time and accuracy.

    Args:
        folder: the script's data.
        config: says how many epochs; `seed` only numbers the repeat, the script draws its own.
    """
    child = subprocess.run(
        [interpreter, str(SCRIPTS / script), str(folder), str(config.epochs)],
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        **TEXT,
    )
    shared = (config.seed, config.threads, config.batch_size)
    result = RunResult(script, script, "tutorial", *shared)
    epochs = EPOCH.findall(child.stdout)
    if child.returncode or len(epochs) != config.epochs:
        *_, result.error = child.stderr.strip().splitlines() or ["it printed no epochs"]
        return result
    seconds = [float(epoch_seconds) for epoch_seconds, _ in epochs]
    result.status = "completed"
    result.epoch_seconds = statistics.median(seconds[1:] or seconds)
    result.test_accuracy = float(epochs[-1][1])
    return result


def rows(results: Sequence[RunResult], floor_seconds: float) -> list[list[str]]:
    """One row a run, as HEADER says: medians over the repeats that completed."""
    groups = group_by_run([run for run in completed(results) if run.epoch_seconds is not None])
    table = []
    for name, repeats in groups.items():
        median = statistics.median(run.epoch_seconds for run in repeats)
        tutorial = TUTORIALS.get(name.partition("/")[0])
        partners = {run.seed: run.epoch_seconds for run in groups.get(tutorial, [])}
        ratios = [partners[run.seed] / run.epoch_seconds for run in repeats if run.seed in partners]
        accuracy = statistics.fmean(run.test_accuracy for run in repeats)
        table.append(
            [
                name,
                formats.decimal(median, 3),
                show_ratio(ratios) if ratios else "-",
                formats.ratio(median / floor_seconds),
                formats.percent(accuracy),
            ]
        )
    return table


def show_ratio(ratios: Sequence[float]) -> str:
    """The ratio of one repeat, both of two, and of more their centre with its 95 % interval."""
    interval = ratio_interval(ratios)
    limits = wording.ratio_limits(interval)
    return wording.ratio(interval) + (f" ({limits})" if limits else "")


def describe_floors(measured: Sequence[Sequence[Floor]]) -> str:
    """The floor, how far its measurements spread, and whether the machine changed meanwhile."""
    floor = lowest(pool(chain(*measured)))
    before, after = (
        each.median_seconds
        for floors in (measured[0], measured[-1])
        for each in floors
        if each.library == floor.library
    )
    seconds = floor.epoch_seconds
    median, fastest, slowest, before, after = map(
        formats.number, (floor.median_seconds, min(seconds), max(seconds), before, after)
    )
    return (
        f"Floor ({floor.library}): {median} s an epoch, median of {len(seconds)}, fastest "
        f"{fastest}, slowest {slowest}; before all runs {before}, after them {after}."
    )


def measure(request: Request) -> int:
    """Run everything and print the table; returns 1 if something did not complete.

    Raises:
        UsageError: the request can't be met.
    """
    config = TrainConfig(
        dataset="mnist",
        data_dir=request.data_dir,
        offline=request.offline,
        epochs=request.epochs,
        threads=request.threads,
    )
    runs, interpreters = plan.plan_runs(
        plan.Request(config, request.run, repeats=request.repeats, python=request.python)
    )
    environment = describe_environment()
    config, _ = prepare(config)
    dataset = load(config, Clock())
    train_size = len(dataset.train_labels)
    # The tutorials' scripts take their threads from here.
    prepare_environment(config.threads, RUNS["tensorflow/fit"].environment)
    console = terminal.make_console()
    names = [*TUTORIALS, *runs]
    results: list[RunResult] = []
    with (
        tempfile.TemporaryDirectory() as temporary,
        RunProgress(console, config, dataset) as progress,
    ):
        folder = Path(temporary)
        files = DATASETS["mnist"].files
        lay_out({each: find("mnist", each, config.data_dir).content for each in files}, folder)
        floors = [measure_floor(config, train_size, interpreters, FLOOR_REPEATS)]
        for repeat in range(request.repeats):
            seeded = replace(config, seed=config.seed + repeat)
            for name in names if repeat % 2 == 0 else reversed(names):
                progress.start(f"{TUTORIALS.get(name, name)}, repeat {repeat + 1}")
                if name in TUTORIALS:
                    result = run_tutorial(TUTORIALS[name], interpreters[name], folder, seeded)
                else:
                    (job,) = plan.plan_jobs([name], interpreters, [seeded], repeats=1)
                    result = run_job(job, folder, [], progress)
                progress.end(result)
                results.append(result)
            floors.append(measure_floor(config, train_size, interpreters, FLOOR_REPEATS))

    table = Table(*HEADER, box=box.SIMPLE_HEAD)
    floor_seconds = lowest(pool(chain(*floors))).median_seconds
    for row in rows(results, floor_seconds):
        table.add_row(*row)
    console.print(table)
    failed = [run for run in results if run.status != "completed"]
    terminal.say(
        console,
        *(f"{run.run} {run.status}: {sentences.describe_end(run, config)}" for run in failed),
        describe_floors(floors),
        f"n = {request.repeats} interleaved repeats of {formats.several(config.epochs, 'epoch')} "
        f"of {formats.count(train_size)} images in batches of {config.batch_size}, "
        f"{formats.several(config.threads, 'thread')}; ratios with their 95 % intervals.",
        sentences.describe_machine(environment),
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_benchmark("baselines", Request, measure))
