"""What the commands tell: lines while training, the table, `summary.md`, and the files' list."""

import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file

from shared import plotting
from shared.config import CLASSES, IMAGE_SIZE, WITHOUT_EQUAL, TrainConfig, flag
from shared.datasets import Dataset
from shared.results import (
    ComparisonResult,
    DatasetFacts,
    EpochResult,
    Floor,
    RunResult,
    Verification,
    save_results,
    write_atomically,
)
from shared.statistics import compare_runs, group_by_run

# Above these, figures are called doubtful: cores kept busy by others, slowest to fastest probe.
MOST_FOREIGN_CPUS = 0.1
MOST_DRIFT = 1.15


OPTIMIZER_TITLES = {
    "adam": "Adam",
    "adamw": "AdamW",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
}
# Where a network is from, and what is said of it there.
PRESET_ORIGINS = {
    "torch-quickstart": "PyTorch's quickstart, which reports about 65 % after 5 epochs; the runs "
    "of TensorFlow show what it would have got there.",
    "keras-quickstart": "TensorFlow's quickstart, which reports about 97.7 % after 5 epochs; the "
    "runs of PyTorch show what it would have got there.",
    "two-layer": "a network with one hidden layer, which tutorials train for one epoch to about "
    "93 %.",
}


def describe_job(config: TrainConfig, dataset: Dataset, notice: str | None) -> str:
    """What is about to be trained, on what; the notice about the dataset, if any, comes first."""
    sizes = "-".join(map(str, (IMAGE_SIZE, *config.hidden, CLASSES)))
    title = plotting.DATASET_TITLES[dataset.name]
    held_out = f", {len(dataset.validation_labels):,} validation" if config.validation else ""
    job = (
        f"{title}: {len(dataset.train_labels):,} training{held_out} and "
        f"{len(dataset.test_labels):,} test images. Network {sizes}, "
        f"{OPTIMIZER_TITLES[config.optimizer]} {config.learning_rate:g}, "
        f"batches of {config.batch_size}, epochs: {config.epochs}, seed {config.seed}, "
        f"{config.float_type}, threads: {config.threads}."
    )
    if techniques := config.techniques():
        job += f"\nTechniques: {techniques}."
    if origin := PRESET_ORIGINS.get(config.preset):
        job += f"\nPreset {config.preset}: {origin}"
    return f"NOTICE: {notice}\n{job}" if notice else job


def epoch_line(
    run: str, epochs: Sequence[EpochResult], config: TrainConfig, dataset: Dataset
) -> str:
    """The last of the epochs so far in one line, with the time that the rest will take."""
    last = epochs[-1]
    speed = len(dataset.train_labels) / last.train_seconds
    validation = ""
    if last.validation_loss is not None:
        accuracy = 100 * last.validation_accuracy
        validation = f"  validation loss {last.validation_loss:.4f} accuracy {accuracy:5.2f} %"
    rate = "" if last.learning_rate is None else f"  learning rate {last.learning_rate:.3g}"
    return (
        f"{run}  epoch {last.epoch}/{config.epochs}"
        f"  train loss {last.train_loss:.4f} accuracy {100 * last.train_accuracy:5.2f} %"
        f"{validation}"
        f"  test loss {last.test_loss:.4f} accuracy {100 * last.test_accuracy:5.2f} %{rate}"
        f"  {speed:,.0f} images/s  {format_duration(seconds_left(epochs, config.epochs))} left"
    )


def seconds_left(epochs: Sequence[EpochResult], total: int) -> float:
    """Estimate of the seconds that the remaining epochs take: as the last one did."""
    last = epochs[-1]
    return (total - last.epoch) * (last.train_seconds + last.evaluate_seconds)


def format_duration(seconds: float) -> str:
    """`0:07`, `12:34` or `1:23:45`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def assemble(
    command: str,
    config: TrainConfig,
    dataset: Dataset,
    notice: str | None,
    environment: dict[str, object],
    runs: list[RunResult],
    verification: Verification | None = None,
    floor: Sequence[Floor] = (),
    probes: Sequence[float] = (),
) -> ComparisonResult:
    """Everything that is known at the end, as it goes into `results.json`."""
    return ComparisonResult(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        config=config.as_json(),
        dataset=DatasetFacts(
            dataset.name,
            len(dataset.train_labels),
            len(dataset.test_labels),
            list(dataset.class_names),
            dataset.sha256,
            notice,
        ),
        environment=environment,
        runs=runs,
        comparison=compare_runs(runs),
        verification=verification,
        floor=list(floor),
        probes=list(probes),
    )


def write_report(result: ComparisonResult, dataset: Dataset, folder: Path) -> None:
    """Write `results.json`, the pictures, `summary.md` and `report.html`.

    The figures are written first, so that no failing picture can cost them.
    """
    save_results(result, folder / "results.json")
    pictures = {}
    if len(result.batch_sizes()) > 1:
        pictures["throughput.png"] = "Training images per second against batch size"
        plotting.plot_throughput(result, folder / "throughput.png")
    if any(run.phases for run in result.main_runs()):
        pictures["time.png"] = "Where the time went"
        plotting.plot_time(result, folder / "time.png")
    if any(run.epochs for run in result.main_runs()):
        pictures["curves.png"] = "Learning curves"
        plotting.plot_curves(result, folder / "curves.png")
    if completed := completed_by_run(result):
        pictures["predictions.png"] = "Predictions on test images"
        logits = {
            run: load_file(folder / repeats[0].predictions)["logits"]
            for run, repeats in completed.items()
        }
        plotting.plot_predictions(result, dataset, logits, folder / "predictions.png")
    write_atomically(folder / "summary.md", markdown(result, pictures))
    # Only now: that module builds on this one.
    from shared.html_report import write_page

    write_page(result, dataset, folder)


def describe_files(folder: Path) -> str:
    """The last line of a command: what it wrote where."""
    paths = sorted(path for path in folder.iterdir() if path.name != "command.txt")
    names = [path.name for path in paths if path.suffix not in (".safetensors", ".log")]
    others = len(paths) - len(names)
    runs = f", and {others} files of weights, predictions and logs" if others else ""
    return f"Written to {folder}: {', '.join(names)}{runs}"


def completed_by_run(result: ComparisonResult) -> dict[str, list[RunResult]]:
    """The completed repeats of each run; runs without one are left out."""
    return group_by_run([run for run in result.main_runs() if run.status == "completed"])


def latency(run: RunResult, batch_size: int, figure: str) -> float | None:
    """A figure of one prediction call, if it was measured at that batch size."""
    measured = {each.batch_size: getattr(each, figure) for each in run.inference}
    return measured.get(batch_size)


Row = tuple[str, Callable[[RunResult], float | None], Callable[[float], str]]

ROWS: tuple[Row, ...] = (
    ("test accuracy", lambda run: run.test_accuracy, lambda value: f"{100 * value:.2f} %"),
    ("test loss", lambda run: run.test_loss, lambda value: f"{value:.4f}"),
    ("training time per epoch", lambda run: run.epoch_seconds, lambda value: f"{value:.3f} s"),
    (
        "training images per second",
        lambda run: run.samples_per_second,
        lambda value: f"{value:,.0f}",
    ),
    ("time to first step", lambda run: run.time_to_first_step_seconds, lambda v: f"{v:.2f} s"),
    *(
        (
            f"inference, batch of {size}, {name}",
            lambda run, size=size, figure=figure: latency(run, size, figure),
            lambda value: f"{1000 * value:.2f} ms",
        )
        for size in (1, 64, 1000)
        for name, figure in (("median", "median_seconds"), ("99th percentile", "p99_seconds"))
    ),
    ("peak memory", lambda run: run.peak_memory_bytes, lambda value: f"{value / 2**20:,.0f} MiB"),
    (
        "peak GPU memory",
        lambda run: run.peak_device_memory_bytes,
        lambda value: f"{value / 2**20:,.0f} MiB",
    ),
    ("energy", lambda run: run.energy_joules, lambda value: f"{value:,.0f} J"),
    ("cores that others kept busy", lambda run: run.foreign_cpus, lambda value: f"{value:.2f}"),
    ("wall time", lambda run: run.wall_seconds, lambda value: f"{value:.1f} s"),
)


def table(result: ComparisonResult) -> list[list[str]]:
    """The runs as columns: a header row, then one row a figure; means over completed repeats."""
    groups = group_by_run(result.main_runs())
    rows = [[plotting.title(result), *groups]]
    rows.append(["status", *(_statuses(repeats) for repeats in groups.values())])
    for name, figure, show in (*ROWS, *_rows_of(result)):
        cells = []
        for repeats in groups.values():
            values = [figure(run) for run in repeats if run.status == "completed"]
            known = [value for value in values if value is not None]
            cells.append(show(statistics.fmean(known)) if known else "-")
        if known_to_any(cells):
            rows.append([name, *cells])
    if result.verification:
        verified = {run.run: run.figures.get("float64", {}) for run in result.verification.runs}
        for figure in ("logits", "gradients", "weights"):
            # The second of two equal runs was verified with the first.
            offs = [verified.get(run.partition("#")[0], {}).get(figure) for run in groups]
            cells = ["-" if off is None else f"{off:.0e}" for off in offs]
            if known_to_any(cells):
                rows.append([f"off the oracle, {figure}", *cells])
    for name, attribute in (("device", "device"), ("version", "framework_version")):
        cells = [
            ", ".join(sorted({getattr(run, attribute) or "-" for run in repeats}))
            for repeats in groups.values()
        ]
        if known_to_any(cells):
            rows.append([name, *cells])
    return rows


def tables(result: ComparisonResult) -> list[list[list[str]]]:
    """The table of the runs, and that of the sweep if there was one."""
    return [table(result)] + ([sweep_table(result)] if len(result.batch_sizes()) > 1 else [])


def _rows_of(result: ComparisonResult) -> list[Row]:
    """The rows that depend on what was asked for: the target accuracy, the floor."""
    target = result.config["target_accuracy"]
    rows: list[Row] = [
        (
            f"time to {100 * target:g} % test accuracy",
            lambda run: run.time_to_target_seconds,
            lambda value: f"{value:.2f} s",
        )
    ]
    if result.floor:
        rows.append(
            (
                "training time in multiples of the floor",
                lambda run: multiple_of_floor(result, run),
                lambda value: f"{value:.2f}",
            )
        )
    return rows


def multiple_of_floor(result: ComparisonResult, run: RunResult) -> float | None:
    """A run's epoch time over that of the lowest floor of its machine, if both are known."""
    floor = lowest_floor(result, machine=run.run.rpartition(": ")[0])
    return run.epoch_seconds / floor.median_seconds if floor and run.epoch_seconds else None


def lowest_floor(result: ComparisonResult, machine: str = "") -> Floor | None:
    """The matrix products alone by the fastest library, if they were timed.

    Args:
        machine: the name of one, where results of several were merged: all names begin with theirs.
    """
    size = result.config["batch_size"]
    floors = [
        each
        for each in result.floor
        if each.batch_size == size and each.library.startswith(machine)
    ]
    return min(floors, key=lambda floor: floor.median_seconds, default=None)


def sweep_table(result: ComparisonResult) -> list[list[str]]:
    """Training images per second: a row for each batch size, a column for each run; means."""
    names = list(group_by_run(result.runs))
    rows = [["batch size", *(f"{name}, images/s" for name in names)]]
    for size in result.batch_sizes():
        cells = []
        for name in names:
            known = [
                run.samples_per_second
                for run in result.runs
                if (run.run, run.batch_size, run.status) == (name, size, "completed")
            ]
            cells.append(f"{statistics.fmean(known):,.0f}" if known else "-")
        rows.append([str(size), *cells])
    return rows


def known_to_any(cells: Sequence[str]) -> bool:
    """Whether a row of the table says anything."""
    return any(cell != "-" for cell in cells)


def _statuses(repeats: Sequence[RunResult]) -> str:
    """`completed`, or with several repeats how many ended how: `4 completed, 1 failed`."""
    statuses = [run.status for run in repeats]
    if len(statuses) == 1:
        return statuses[0]
    return ", ".join(f"{statuses.count(each)} {each}" for each in dict.fromkeys(statuses))


def in_words(result: ComparisonResult) -> list[str]:
    """What the table means: warnings first, then what failed, then each run against the first."""
    sentences = []
    if result.dataset.notice:
        sentences.append(f"NOTICE: {result.dataset.notice}")
    if result.verification and not result.verification.passed:
        sentences += describe_verification(result.verification, result.config)[:1]
    sentences += doubts(result)
    sentences += [f"NOTICE: {notice}" for run in result.runs for notice in run.notices]
    sentences += [
        f"{run.run} (seed {run.seed}) {run.status}: {run.error}"
        for run in result.runs
        if run.status != "completed"
    ]
    sentences += [pair.verdict for pair in result.comparison.pairs]
    if floor := lowest_floor(result):
        sentences.append(
            f"The floor, the eight matrix products of a step alone, is an epoch in "
            f"{floor.median_seconds:.3f} s with {floor.library}."
        )
    return sentences + paid_off(result)


def doubts(result: ComparisonResult) -> list[str]:
    """Why the timings may not be fair or repeatable, as far as it was noticed."""
    environment = result.environment
    cores = environment["physical_cores"]
    load = environment["load_average"][0]
    devices = {run.run: run.device for run in result.runs if run.device}
    busy = [run for run in result.runs if (run.foreign_cpus or 0) > MOST_FOREIGN_CPUS]
    found = []
    if len(set(devices.values())) > 1:
        where = ", ".join(f"{run} on {device}" for run, device in devices.items())
        found.append(
            f"the runs used different devices ({where}). "
            "Their timings compare devices, not frameworks."
        )
    if cores and load > cores / 2:
        found.append(
            f"the machine was busy when the comparison began (load {load:.1f} on {cores} cores), "
            "so its timings may not be repeatable."
        )
    if busy:
        most = max(busy, key=lambda run: run.foreign_cpus)
        found.append(
            f"other processes were at work during {len(busy)} of {len(result.runs)} runs, most "
            f"during {most.run} (seed {most.seed}): {most.foreign_cpus:.1f} cores on average."
        )
    if result.probes and max(result.probes) > MOST_DRIFT * min(result.probes):
        low, high = (1000 * limit(result.probes) for limit in (min, max))
        found.append(
            f"the machine changed its speed by itself: the same small piece of work took {low:.1f} "
            f"to {high:.1f} ms before different runs. More --repeats help, and so does --threads 1 "
            "where cores are at times slow to hear from one another, as on virtual machines."
        )
    if cores and result.config["threads"] > cores:
        found.append(
            f"{result.config['threads']} threads share {cores} physical cores, which costs time."
        )
    if environment.get("on_battery"):
        found.append("the machine runs on its battery, which lowers most processors' speed.")
    return [f"WARNING: {doubt}" for doubt in found]


def paid_off(result: ComparisonResult) -> list[str]:
    """For each compiled run: after how many epochs it has made up for its compiling, in words."""
    groups = completed_by_run(result)
    # What went on from a checkpoint tells nothing about its start.
    groups = {
        name: runs
        for name, runs in groups.items()
        if all(run.resumed_from_step is None for run in runs)
    }
    sentences = []
    for name, runs in groups.items():
        framework, _, variant = name.partition("/")
        others = [
            other
            for other in groups
            if other.startswith(f"{framework}/") and not other.startswith(f"{framework}/compiled")
        ]
        if variant != "compiled" or not others:
            continue
        plain = others[0]
        start, plain_start = (
            statistics.fmean(map(start_up_seconds, group)) for group in (runs, groups[plain])
        )
        epoch, plain_epoch = (
            statistics.fmean(run.epoch_seconds for run in group) for group in (runs, groups[plain])
        )
        later = start - plain_start
        costs = f"{name} spends {abs(later):.1f} s {'more' if later > 0 else 'less'} than {plain}"
        if epoch < plain_epoch:
            ahead = (
                f"after epoch {math.ceil(later / (plain_epoch - epoch))}"
                if later > 0
                else "at once"
            )
            saves = f"saves {plain_epoch - epoch:.2f} s an epoch: it is ahead {ahead}"
        else:
            saves = "saves nothing an epoch: it never makes up for that"
        sentences.append(f"{costs} on its start and {saves}.")
    return sentences


def start_up_seconds(run: RunResult) -> float:
    """What a run's training took beyond its epochs at their usual speed: tracing, compiling."""
    spent = run.phases["build"] + run.phases["first_step"] + run.phases["train"]
    return spent - len(run.epochs) * run.epoch_seconds


def print_report(result: ComparisonResult, console: Console) -> None:
    """Print the table and what it means."""
    for header, *rows in tables(result):
        drawn = Table(box=box.SIMPLE_HEAD)
        drawn.add_column(header[0])
        for run in header[1:]:
            drawn.add_column(run, justify="right")
        for row in rows:
            drawn.add_row(*row)
        console.print(drawn)
    say(console, *in_words(result))
    for run in result.runs:
        say(console, *(f"  {run.run}: {line}" for line in run.error_output))


def make_console() -> Console:
    """Standard output; in a log, which has no width, wide enough for a table of many runs."""
    return Console() if Console().is_terminal else Console(width=200)


def say(console: Console, *lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


# What the timed runs have beyond what is verified, by alignment.
BEYOND_EXACT = {
    "defaults": " Timed are the frameworks' defaults: initial weights and Adam's epsilon differ.",
    "matched": " Timed is `matched`: only Adam's epsilon has another place in each framework.",
    "exact": "",
}


def describe_verification(verification: Verification, config: Mapping[str, object]) -> list[str]:
    """The verdict of the verification, then one line a run.

    Args:
        config: of the timed runs, as JSON holds it; verified is always `exact`.
    """
    # Results from before there were techniques do not name them.
    given = {name for name, value in WITHOUT_EQUAL.items() if config.get(name, value) != value}
    missing = [flag(name) for name in WITHOUT_EQUAL if name in given]
    left_out = f" Not verified is {', '.join(missing)}: it has no equal." if missing else ""
    compared = "all runs" if all(run.available for run in verification.runs) else "all other runs"
    verdict = (
        f"passed: from the same weights and batches, under `exact`, {compared} compute the same"
        if verification.passed
        else "FAILED: the timings do not compare equal computations"
    )
    plain = config.get("optimizer", "adam") in ("adam", "adamw") and not config.get("batch_norm")
    beyond = BEYOND_EXACT[config["alignment"]]
    if beyond and not plain:
        beyond = " Timed are the frameworks' own layers and optimizers (docs/DIFFERENCES.md)."
    return [
        f"Verification {verdict} ({verification.steps} steps, {verification.seconds:.1f} s)."
        + beyond
        + left_out,
        *(f"  {run.run} {run.message}" for run in verification.runs),
    ]


def markdown(result: ComparisonResult, pictures: Mapping[str, str]) -> str:
    """The content of `summary.md`.

    Args:
        pictures: file name of each picture and the text that stands for it.
    """
    header = table(result)[0]
    verified = []
    if result.verification:
        verdict, *findings = describe_verification(result.verification, result.config)
        # A failure is among the words already.
        verified = [verdict, ""] if result.verification.passed else []
        verified += [*(f"- {finding.strip()}" for finding in findings), ""]
    lines = [
        f"# {', '.join(header[1:])} on {header[0]}",
        "",
        f"`{result.command}` ({result.created})",
        "",
        *(f"{sentence}\n" for sentence in in_words(result)),
        *verified,
        *(line for each in tables(result) for line in _markdown_table(each)),
        describe_machine(result.environment),
        "",
        *(f"![{text}]({file})\n" for file, text in pictures.items()),
    ]
    for run in result.runs:
        if run.error_output:
            lines += [f"Last lines of {run.run} (seed {run.seed}):", "", "```"]
            lines += [*run.error_output, "```", ""]
    return "\n".join(lines)


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    header, *others = ("| " + " | ".join(row) + " |" for row in rows)
    return [header, "|---|" + "---:|" * (len(rows[0]) - 1), *others, ""]


def describe_machine(environment: dict[str, object]) -> str:
    """Processor, cores, memory, system, versions and load, in one line."""
    versions = ", ".join(f"{name} {v}" for name, v in environment["versions"].items() if v)
    return (
        f"{environment['processor']}, {environment['physical_cores']} cores, "
        f"{environment['memory_bytes'] / 2**30:.0f} GiB; {environment['platform']}; "
        f"Python {environment['python']}, {versions}; "
        f"load average at the start {environment['load_average'][0]:.2f}"
    )


if __name__ == "__main__":
    from shared.html_report import main

    sys.exit(main())
