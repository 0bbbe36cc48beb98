"""What the charts show: computed here from the results, drawn by the pictures and by the page.

`Groups` are the repeats of each run; the place of a run is its number among them.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from report.colors import chart_colors, run_colors
from report.thinning import thin
from shared.clock import PHASES
from shared.config import CLASSES, IMAGE_SIZE
from shared.inputs import LARGEST_PREDICTIONS, LARGEST_WEIGHTS, read_tensors
from shared.metrics import confusion
from shared.results import ComparisonResult, EpochResult, Floor, RunResult, group_by_run
from shared.series import Ledger, Line
from shared.visible import visible

Groups = Mapping[str, Sequence[RunResult]]

Shape = tuple[int | None, ...]


def curves(groups: Groups) -> dict[str, list[Line]]:
    """Loss and accuracy by epoch: the mean over the repeats, and their range as a band."""
    histories: dict[tuple[int, str], list[list[EpochResult]]] = {}
    for place, (run, repeats) in enumerate(groups.items()):
        # A repeat that was cut short would bend the mean of the later epochs.
        longest = max(len(repeat.epochs) for repeat in repeats)
        if longest:
            histories[place, run] = [e.epochs for e in repeats if len(e.epochs) == longest]
    if not histories:
        return {}
    colors = run_colors(list(groups))
    return {figure: _figure_curves(histories, figure, colors) for figure in ("loss", "accuracy")}


def _figure_curves(
    histories: Mapping[tuple[int, str], Sequence[Sequence[EpochResult]]],
    figure: str,
    colors: Sequence[str],
) -> list[Line]:
    """All curves of one chart; of a long training, only at the epochs that a screen can show."""
    values = {
        (place, run, part): np.array(
            [[getattr(e, f"{part}_{figure}") for e in epochs] for epochs in repeats]
        )
        for (place, run), repeats in histories.items()
        for part in ("train", "test")
    }
    firsts = {place: repeats[0][0].epoch for (place, _), repeats in histories.items()}
    kept = thin([(firsts[place], each) for (place, *_), each in values.items()])
    lines = []
    for order, ((place, run, part), numbers) in enumerate(values.items()):
        rows = kept[(kept >= firsts[place]) & (kept < firsts[place] + numbers.shape[1])]
        chosen = numbers[:, rows - firsts[place]]
        limits = zip(chosen.min(axis=0).tolist(), chosen.max(axis=0).tolist(), strict=True)
        lines.append(
            Line(
                place,
                colors[place],
                f"{run}, {'training' if part == 'train' else part}",
                list(zip(rows.tolist(), chosen.mean(axis=0).tolist(), strict=True)),
                list(limits) if len(numbers) > 1 else (),
                dashed=part == "train",
                depth=1 - order // 2 / max(1, len(histories) - 1),
            )
        )
    return lines


def phase_times(groups: Groups) -> list[Ledger]:
    """Where the wall time of each run went: means over its repeats."""
    ledgers = []
    for place, (run, repeats) in enumerate(groups.items()):
        known = [repeat.phases for repeat in repeats if repeat.phases]
        if known:
            means = {
                phase: statistics.fmean(phases.get(phase, 0.0) for phases in known)
                for phase in PHASES
            }
            ledgers.append(Ledger(place, run, means))
    return ledgers


@dataclass(frozen=True)
class EpochTime:
    """Seconds of an epoch of training, one a repeat; `place` is None where it is a floor's."""

    place: int | None
    name: str
    seconds: list[float]

    @property
    def mean(self) -> float:
        """Over the repeats."""
        return statistics.fmean(self.seconds)


def epoch_times(groups: Groups, floors: Sequence[Floor]) -> list[EpochTime]:
    """Training time per epoch of each run, and beside it the matrix products alone."""
    measured = [
        EpochTime(
            place, run, [each.epoch_seconds for each in repeats if each.epoch_seconds is not None]
        )
        for place, (run, repeats) in enumerate(groups.items())
    ]
    measured += [EpochTime(None, floor_name(each), each.epoch_seconds) for each in floors]
    return [each for each in measured if each.seconds]


def throughput(result: ComparisonResult) -> list[Line]:
    """Training images per second against what is swept; a floor is dashed, its place behind."""
    swept = result.swept or "batch_size"
    runs = list(group_by_run(result.runs))
    speeds: dict[str, dict[int, list[float]]] = {}
    for run in result.runs:
        if run.status == "completed" and run.samples_per_second:
            sizes = speeds.setdefault(run.run, {})
            sizes.setdefault(getattr(run, swept), []).append(run.samples_per_second)
    for floor in result.floor if swept == "batch_size" else ():
        sizes = speeds.setdefault(floor_name(floor), {})
        sizes[floor.batch_size] = [result.dataset.train_size / s for s in floor.epoch_seconds]
    floors = [name for name in speeds if name not in runs]
    colors = chart_colors(runs)
    lines = []
    for name, unordered in speeds.items():
        sizes = dict(sorted(unordered.items()))
        several = max(map(len, sizes.values())) > 1
        place = (runs + floors).index(name)
        lines.append(
            Line(
                place,
                colors[place % len(colors)],
                name,
                [(size, statistics.fmean(values)) for size, values in sizes.items()],
                [(min(values), max(values)) for values in sizes.values()] if several else (),
                dashed=name in floors,
            )
        )
    return lines


def floor_name(floor: Floor) -> str:
    """As the charts call it."""
    return f"matrix products alone, {floor.library}"


@dataclass(frozen=True)
class Latency:
    """Seconds of one prediction call: means over the repeats."""

    place: int
    run: str
    median: float
    p99: float


def latency(groups: Groups) -> dict[int, list[Latency]]:
    """Latency of each run by the number of images that a call predicts, in ascending order."""
    measured: dict[int, list[Latency]] = {}
    for place, (run, repeats) in enumerate(groups.items()):
        sizes = dict.fromkeys(each.batch_size for repeat in repeats for each in repeat.inference)
        for size in sizes:
            known = [e for repeat in repeats for e in repeat.inference if e.batch_size == size]
            median, p99 = (
                statistics.fmean(getattr(each, name) for each in known)
                for name in ("median_seconds", "p99_seconds")
            )
            measured.setdefault(size, []).append(Latency(place, run, median, p99))
    return dict(sorted(measured.items()))


@dataclass(frozen=True)
class Answers:
    """What the runs answered on the test images, by their places; `unread` says of others why not.

    `seed` is the one that all answers are of, None if there is none. `disputed` and `wrong` are
    rows of the test set: see `notable`.
    """

    runs: dict[int, str]
    logits: dict[int, np.ndarray]
    seed: int | None
    disputed: np.ndarray
    wrong: np.ndarray
    unread: dict[str, str]


def answers(groups: Groups, labels: np.ndarray) -> Answers:
    """Read the answers of each run that completed.

    Args:
        groups: with whole paths.
        labels: of the test images, [n].
    """
    chosen = like_repeats(groups)
    shape = (len(labels), CLASSES)
    read = {
        place: read_tensor(run.predictions, "logits", shape, LARGEST_PREDICTIONS)
        for place, run in chosen.items()
    }
    logits = {place: values for place, values in read.items() if isinstance(values, np.ndarray)}
    seeds = {chosen[place].seed for place in logits}
    disputed, wrong = notable(logits, labels)
    return Answers(
        {place: chosen[place].run for place in logits},
        logits,
        seeds.pop() if len(seeds) == 1 else None,
        disputed,
        wrong,
        {chosen[place].run: why for place, why in read.items() if isinstance(why, str)},
    )


def notable(logits: Mapping[int, np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that the runs disagree about, and those to which all give the same wrong answer.

    Of the first, those whose probabilities differ most come first, of the others those that are
    wrong with most confidence.
    """
    if not logits:
        return np.array([], int), np.array([], int)
    # Here, because it takes as long to import as a small network to train.
    from scipy.special import softmax

    # In float64, where no difference of float32's numbers is too large; of its own, one becomes 0.
    with np.errstate(over="ignore"):
        chances = np.array([softmax(v.astype(np.float64), axis=1) for v in logits.values()])
    votes = np.array([values.argmax(axis=1) for values in logits.values()])
    disagree = (votes != votes[0]).any(axis=0)
    wrong = (votes != labels).all(axis=0) & ~disagree
    distance = np.abs(chances - chances[0]).sum(axis=2).max(axis=0)
    confidence = chances.max(axis=2).mean(axis=0)
    disputed, mistaken = np.flatnonzero(disagree), np.flatnonzero(wrong)
    return (
        disputed[np.argsort(-distance[disputed], kind="stable")],
        mistaken[np.argsort(-confidence[mistaken], kind="stable")],
    )


def grid_rows(disputed: np.ndarray, images: int, cells: int) -> np.ndarray:
    """Rows for a grid: those most disputed, at most half of it, then the first of the test set."""
    first = disputed[: cells // 2]
    others = np.setdiff1d(np.arange(min(images, 2 * cells)), first)
    return np.concatenate([first, others])[:cells]


@dataclass(frozen=True)
class Confusion:
    """Images by label (row) and prediction (column), [10, 10]; or by how many two runs differ."""

    title: str
    counts: np.ndarray
    difference: bool = False


def confusions(answers: Answers, labels: np.ndarray) -> list[Confusion]:
    """The confusion of each run, then how that of each differs from the first run's."""
    singles = [
        Confusion(answers.runs[place], confusion(logits, labels))
        for place, logits in answers.logits.items()
    ]
    base, *others = singles
    return singles + [
        Confusion(f"{each.title} minus {base.title}", each.counts - base.counts, difference=True)
        for each in others
    ]


@dataclass(frozen=True)
class Kernels:
    """By place, the run and its weights from square images to the first layer, [pixels, units];
    `unread` says of other runs why not."""

    runs: dict[int, tuple[str, np.ndarray]]
    unread: dict[str, str]


def first_kernels(groups: Groups, units: int) -> Kernels:
    """Read the weights of each run that completed to the first `units` of its first layer."""
    kernels, unread = {}, {}
    for place, run in like_repeats(groups).items():
        name, shape = "dense_1/kernel", (IMAGE_SIZE, None)
        kernel = read_tensor(run.weights, name, shape, LARGEST_WEIGHTS, units)
        if isinstance(kernel, str):
            unread[run.run] = kernel
        else:
            kernels[place] = run.run, kernel
    return Kernels(kernels, unread)


def like_repeats(groups: Groups) -> dict[int, RunResult]:
    """By place, of each run the repeat with the first seed that all runs completed, else its first.

    So like is set against like. Runs without a completed repeat are left out.
    """
    completed = {
        place: {run.seed: run for run in repeats if run.status == "completed"}
        for place, repeats in enumerate(groups.values())
    }
    completed = {place: repeats for place, repeats in completed.items() if repeats}
    if not completed:
        return {}
    first, *others = completed.values()
    common = next(
        (seed for seed in first if all(seed in each for each in others)), next(iter(first))
    )
    return {
        place: repeats.get(common) or next(iter(repeats.values()))
        for place, repeats in completed.items()
    }


def read_tensor(
    path: str | None, name: str, shape: Shape, most: int, columns: int | None = None
) -> np.ndarray | str:
    """One array of a safetensors file, or why it can't be had: a clause.

    Args:
        shape, most, columns: as in `read_tensors`.
    """
    if path is None:
        return "the run names no such file"
    try:
        return read_tensors(Path(path), {name: shape}, most, columns)[name]
    except OSError as error:
        return visible(f"{path} cannot be read ({error.strerror or error})")
    except ValueError as error:
        return visible(f"{path} can't be used: {error}")
