"""Why do results in PyTorch and Keras differ? One default at a time, switched and measured.

Starting from PyTorch's defaults, each rung of the ladder switches one thing to Keras's choice and
trains again from the same seeds, in the NumPy oracle, which verification shows to compute what the
frameworks compute. The last rungs are all of Keras's defaults at once and, as the measure of what
is nothing, the same training with only the rounding changed.
"""

import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
from rich import box, progress
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from numpy_impl.data import make_batches
from numpy_impl.model import Sequential, build_model, set_weights
from numpy_impl.optimizer import Adam, Optimizer
from numpy_impl.train import Tensors, train, train_epoch, train_step
from report import plotting, sentences, terminal
from report.intervals import detectable, paired_interval
from report.write import told
from shared import formats, interrupts
from shared.batches import batch_sizes, epoch_order
from shared.clock import Clock
from shared.config import ADAM_EPSILON, TrainConfig
from shared.dataset_records import DATASETS
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.environment import Environment, describe_environment
from shared.initial_weights import initial_weights
from shared.outputs import claimed_output_dir, current_command
from shared.results import EpochResult, MeanInterval, write_atomically
from shared.results_file import encode_json
from shared.sampling import load
from shared.series import Line

# Far from every seed that a repeat may have.
OTHER_ORDER = 1_000_000


@dataclass(frozen=True)
class Rung:
    """One way to train; the defaults are PyTorch's."""

    name: str
    weights: str = "pytorch"
    """Scheme of the initial weights."""
    epsilon: float = ADAM_EPSILON
    epsilon_hat: bool = False
    """Whether Adam's epsilon stands outside the bias correction."""
    order: int = 0
    """Added to the seed of the batch order."""
    permuted: bool = False
    """Whether the rows inside each batch are permuted."""


BASE = Rung("PyTorch's defaults")

KERAS_EPSILON = 1e-7

LADDER = (
    Rung("initial weights", weights="keras"),
    Rung("Adam's epsilon and its place", epsilon=KERAS_EPSILON, epsilon_hat=True),
    Rung("order of the images", order=OTHER_ORDER),
    Rung(
        "all three: Keras's defaults",
        weights="keras",
        order=OTHER_ORDER,
        epsilon=KERAS_EPSILON,
        epsilon_hat=True,
    ),
    Rung("nothing but rounding", permuted=True),
)


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


def permuted_step(
    model: Sequential, optimizer: Optimizer, images: np.ndarray, labels: np.ndarray
) -> Tensors:
    """Learn from one batch with its rows in another order: the same but for rounding."""
    rows = np.random.default_rng(len(labels)).permutation(len(labels))
    return train_step(model, optimizer, images[rows], labels[rows])


def train_rung(config: TrainConfig, dataset: Dataset, rung: Rung) -> list[EpochResult]:
    """Train once as the rung says, with one thread; returns the figures of each epoch."""
    with threadpool_limits(1):
        first, second = config.hidden
        model = build_model((first, second))
        weights = initial_weights(config.hidden, config.seed, config.float_type, rung.weights)
        set_weights(model, weights)
        optimizer = Adam(
            model.parameters(),
            config.learning_rate,
            epsilon=rung.epsilon,
            epsilon_hat=rung.epsilon_hat,
        )
        images, labels = dataset.train_images, dataset.train_labels
        step = permuted_step if rung.permuted else train_step
        clock = Clock()

        def learn(epoch: int) -> Tensors:
            order = epoch_order(len(labels), config.seed + rung.order, epoch)
            batches = make_batches(images, labels, order, config.batch_size)
            return train_epoch(model, optimizer, batches, clock, step)

        sizes = batch_sizes(len(labels), config.batch_size)
        test_set = dataset.test_images, dataset.test_labels
        return list(train(model, learn, sizes, test_set, range(1, config.epochs + 1), clock))


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
    with ProcessPoolExecutor(config.threads, initializer=_load_once, initargs=(config,)) as pool:
        trained = progress.track(pool.map(_train_job, jobs), "Training", len(jobs), console=console)
        try:
            for (_, rung), epochs in zip(jobs, trained, strict=True):
                results[rung.name].append(epochs)
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


def describe_effect(effect: Effect) -> tuple[str, str, str, str]:
    """A row of the table: name, change of accuracy and of both losses, each with its interval."""
    accuracy, last = effect.test_accuracy, effect.train_losses[-1]
    return (
        effect.name,
        _with_limits(accuracy, formats.points),
        _with_limits(effect.test_loss, formats.loss_change),
        _with_limits(last, formats.loss_change),
    )


def _with_limits(interval: MeanInterval, show: Callable[[float], str]) -> str:
    """`+0.12 (+0.03 to +0.21) *`, with the star where the interval excludes zero."""
    text = show(interval.mean)
    if interval.low is None or interval.high is None:
        return text
    low, high = show(interval.low), show(interval.high)
    # Nor does a star stand where all that is shown is zero.
    star = detectable(interval, 0) and float(low) * float(high) > 0
    return f"{text} ({low} to {high})" + (" *" if star else "")


RESULT = "attribution.json"

HEADER = ("switched", "test accuracy, points", "test loss", "training loss, last epoch")

EXPLANATION = (
    "Differences from PyTorch's defaults, mean over paired seeds with 95 % interval; "
    "* where the interval excludes zero."
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
    for effect in effects:
        table.add_row(*describe_effect(effect))
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
        f"PyTorch's defaults, epochs: {attribution.config.epochs}, seeds: "
        f"{attribution.repeats}: test accuracy {formats.percent(base['test_accuracy'])}, test loss "
        f"{formats.loss(base['test_loss'])}, training loss {formats.loss(base['train_loss'])}."
    )


def markdown(attribution: Attribution) -> str:
    """The content of `attribution.md`."""
    rows = [HEADER, ("---",) * len(HEADER), *map(describe_effect, attribution.effects)]
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
        lines.append(Line(place, effect.name, points, band))
    title = (
        "Switching one default from PyTorch's to Keras's on "
        f"{DATASETS[attribution.dataset].title}: mean over {attribution.repeats} paired "
        "seeds with 95 % intervals"
    )
    accuracies = {effect.name: effect.test_accuracy for effect in attribution.effects}
    plotting.plot_effects(title, accuracies, lines, path)
