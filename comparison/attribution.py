"""Why do results in PyTorch and Keras differ? One default at a time, switched and measured.

Starting from PyTorch's defaults, each rung of the ladder switches one thing to Keras's choice and
trains again from the same seeds, in the NumPy oracle, which verification shows to compute what the
frameworks compute. The last rungs are all of Keras's defaults at once and, as the measure of what
is nothing, the same training with only the rounding changed.
"""

import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import active_children
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from comparison.ladder import BASE, CONTROL, LADDER, Rung, train_rung
from report import colors, plotting, sentences, terminal
from report.intervals import paired_interval
from report.pairs import verdicts
from report.progress import busy
from report.write import told
from shared import formats, interrupts
from shared.clock import Clock
from shared.config import TrainConfig
from shared.dataset_records import DATASETS
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.environment import Environment, describe_environment
from shared.outputs import claimed_output_dir, current_command
from shared.pairs import MeanInterval
from shared.results import EpochResult, write_atomically
from shared.results_file import encode_json
from shared.sampling import load
from shared.series import Line


@dataclass(frozen=True)
class Effect:
    """What a rung changes against the base, over the paired seeds.

    `train_losses` holds one interval per epoch.
    """

    name: str
    test_accuracy: MeanInterval
    test_loss: MeanInterval
    train_losses: list[MeanInterval]


@dataclass(frozen=True)
class Attribution:
    """The content of `attribution.json`."""

    command: str
    config: TrainConfig
    environment: Environment
    dataset: str
    repeats: int
    base: dict[str, float]
    """Mean figures of the base: test_accuracy, test_loss."""
    effects: list[Effect]


# Of a worker process: read once, not once a job.
_loaded: dict[str, Dataset] = {}


def _load_once(config: TrainConfig) -> None:
    interrupts.mute()
    _loaded[config.dataset] = load(config, Clock())


def _train_job(job: tuple[TrainConfig, Rung]) -> list[EpochResult]:
    config, rung = job
    return train_rung(config, _loaded[config.dataset], rung)


def measure(
    config: TrainConfig, repeats: int, console: Console
) -> dict[str, list[list[EpochResult]]]:
    """Train every rung with every seed, as many at once as there are threads."""
    rungs = (BASE, *LADDER)
    jobs = [
        (replace(config, seed=config.seed + repeat), rung)
        for repeat in range(repeats)
        for rung in rungs
    ]
    results: dict[str, list[list[EpochResult]]] = {rung.name: [] for rung in rungs}
    with (
        ProcessPoolExecutor(config.threads, initializer=_load_once, initargs=(config,)) as pool,
        busy(console, f"training {len(jobs)} networks") as line,
    ):
        line.title = "training"
        try:
            for (_, rung), epochs in zip(jobs, pool.map(_train_job, jobs), strict=True):
                results[rung.name].append(epochs)
                done = sum(map(len, results.values()))
                line.share = done / len(jobs)
                line.show(f"{done} of {len(jobs)} networks", still=True)
        except KeyboardInterrupt:
            # Before the pool waits for what they have begun.
            for child in active_children():
                child.kill()
            raise
    return results


def compare_rungs(results: dict[str, list[list[EpochResult]]]) -> list[Effect]:
    """Set every rung against the base, seed by seed."""

    def difference(name: str, figure: str, epoch: int) -> MeanInterval:
        return paired_interval(
            [
                getattr(other[epoch], figure) - getattr(base[epoch], figure)
                for base, other in zip(results[BASE.name], results[name], strict=True)
            ]
        )

    epochs = range(len(results[BASE.name][0]))
    return [
        Effect(
            rung.name,
            difference(rung.name, "test_accuracy", -1),
            difference(rung.name, "test_loss", -1),
            [difference(rung.name, "train_loss", epoch) for epoch in epochs],
        )
        for rung in LADDER
    ]


def outcomes(effect: Effect) -> tuple[MeanInterval, MeanInterval, MeanInterval]:
    """What the table shows of a rung: test accuracy, test loss, last training loss."""
    return effect.test_accuracy, effect.test_loss, effect.train_losses[-1]


def describe_effects(effects: Sequence[Effect]) -> list[tuple[str, ...]]:
    """The rows of the table: name, change of accuracy and of both losses, each with its interval.

    A star stands where Holm's correction over the rungs leaves a difference. The control is none
    of them: whatever it shows, nothing was switched.
    """
    rungs = [effect for effect in effects if effect.name != CONTROL]
    starred = {
        (effect.name, column)
        for column, family in enumerate(zip(*map(outcomes, rungs), strict=True))
        for effect, verdict in zip(rungs, verdicts(family, margin=0), strict=True)
        if verdict == "different"
    }
    forms = formats.points, formats.loss_change, formats.loss_change
    return [
        (
            effect.name if effect.name != CONTROL else f"control: {CONTROL}",
            *(
                _with_limits(interval, show) + (" *" if (effect.name, column) in starred else "")
                for column, (interval, show) in enumerate(zip(outcomes(effect), forms, strict=True))
            ),
        )
        for effect in effects
    ]


def _with_limits(interval: MeanInterval, show: Callable[[float], str]) -> str:
    """`+0.12 (+0.03 to +0.21)`."""
    text = show(interval.mean)
    if interval.low is None or interval.high is None:
        return text
    return f"{text} ({show(interval.low)} to {show(interval.high)})"


RESULT = "attribution.json"

HEADER = ("switched", "test accuracy, points", "test loss", "training loss, last epoch")

EXPLANATION = (
    "Differences from PyTorch's defaults: means over paired seeds with 95 % intervals. With five "
    "or more seeds, * marks a difference that remains after Holm's correction over the four rungs. "
    "The control changes only rounding and shows how much difference chance alone makes."
)


def attribute(
    config: TrainConfig, missing: MissingFiles | None, repeats: int, output_dir: Path | None
) -> int:
    """Measure the ladder, print it, write attribution.json, .md and .png; returns the status."""
    console = terminal.make_console()
    command = current_command()
    dataset = load(config, Clock())
    with claimed_output_dir(output_dir, command, RESULT) as folder:
        environment = describe_environment()
        terminal.say(console, sentences.describe_job(config, dataset, missing))
        with interrupts.allowed():
            results = measure(config, repeats, console)
        final = [epochs[-1] for epochs in results[BASE.name]]
        base = {
            figure: statistics.fmean(getattr(epoch, figure) for epoch in final)
            for figure in ("test_accuracy", "test_loss", "train_loss")
        }
        effects = compare_rungs(results)
        facts = command, config, environment, config.dataset, repeats, base, effects
        attribution = Attribution(*facts)
        failures = write_files(attribution, folder)

    table = Table(box=box.SIMPLE_HEAD)
    for column in HEADER:
        table.add_column(column)
    for row in describe_effects(effects):
        table.add_row(*row)
    console.print(table)
    terminal.say(console, describe_base(attribution), EXPLANATION, terminal.describe_files(folder))
    terminal.complain(failures)
    return 1 if failures else 0


def write_files(attribution: Attribution, folder: Path) -> list[str]:
    """Write all files, each on its own; returns a sentence for each that could not be written."""
    failures: list[str] = []
    with told(folder / RESULT, failures):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / RESULT, encode_json(attribution))
    with told(folder / "attribution.png", failures):
        draw(attribution, folder / "attribution.png")
    with told(folder / "attribution.md", failures):
        write_atomically(folder / "attribution.md", markdown(attribution))
    return failures


def describe_base(attribution: Attribution) -> str:
    """The figures that the differences are measured from."""
    base = attribution.base
    return (
        f"PyTorch's defaults, {formats.several(attribution.config.epochs, 'epoch')}, "
        f"{formats.several(attribution.repeats, 'seed')}: test accuracy "
        f"{formats.percent(base['test_accuracy'])}, test loss "
        f"{formats.loss(base['test_loss'])}, training loss {formats.loss(base['train_loss'])}."
    )


def markdown(attribution: Attribution) -> str:
    """The content of `attribution.md`."""
    rows = [HEADER, ("---",) * len(HEADER), *describe_effects(attribution.effects)]
    return "\n".join(
        [
            f"# Which default matters on {DATASETS[attribution.dataset].title}",
            "",
            f"`{attribution.command}`",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            describe_base(attribution),
            EXPLANATION,
            "",
            sentences.describe_machine(attribution.environment),
            "",
            "![Effect of each default](attribution.png)",
            "",
        ]
    )


def draw(attribution: Attribution, path: Path) -> None:
    """Effect of each default: on the final test accuracy, and on the training loss by epoch."""
    lines = []
    for place, effect in enumerate(attribution.effects):
        points, band = [], []
        for epoch, interval in enumerate(effect.train_losses, start=1):
            points.append((epoch, interval.mean))
            if interval.low is not None and interval.high is not None:
                band.append((interval.low, interval.high))
        color = colors.EFFECTS[place % len(colors.EFFECTS)]
        lines.append(Line(place, color, effect.name, points, band))
    title = (
        "Switching one default from PyTorch's to Keras's on "
        f"{DATASETS[attribution.dataset].title}: mean over {attribution.repeats} paired "
        "seeds with 95 % intervals"
    )
    accuracies = {effect.name: effect.test_accuracy for effect in attribution.effects}
    plotting.plot_effects(title, accuracies, lines, path)
