"""Every run of a comparison set against the first one, and what may be said of each pair."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from report import intervals, series
from shared.config import CLASSES
from shared.inputs import LARGEST_PREDICTIONS
from shared.pairs import Comparison, MeanInterval, Pair, RatioInterval, Verdict
from shared.registry import REFERENCE
from shared.results import ComparisonResult, CompletedRun, RunResult, completed, group_by_run

Partners = Sequence[tuple[CompletedRun, CompletedRun]]


def compare_runs(runs: Sequence[RunResult], labels: np.ndarray | None = None) -> Comparison:
    """Set every run against the first one, over the seeds that both completed.

    In a sweep, in each setting on its own: the pairs of a setting are the family of comparisons
    that Holm's procedure is about.

    Args:
        labels: of the test images, [n], where the runs name whole paths of their predictions.
    """
    pairs = []
    for setting in dict.fromkeys(run.setting for run in runs):
        here = [run for run in runs if run.setting == setting]
        baseline, *others = group_by_run(here)
        partners = {name: partners_of(here, baseline, name) for name in others}
        pairs += judge(
            [compare_pair(name, setting, each, labels) for name, each in partners.items() if each]
        )
    return Comparison(runs[0].run, pairs)


def partners_of(runs: Sequence[RunResult], baseline: str, name: str) -> Partners:
    """The repeats of the baseline and of another run that have the same seed and completed."""
    reference = {run.seed: run for run in completed(runs) if run.run == baseline}
    others = [run for run in completed(runs) if run.run == name]
    return [(reference[run.seed], run) for run in others if run.seed in reference]


def with_comparison(result: ComparisonResult, labels: np.ndarray | None = None) -> ComparisonResult:
    """The same, compared anew by today's rules; what only files could tell is kept.

    Args:
        labels: as in `compare_runs`.
    """
    known = {(pair.run, pair.setting): pair.new_images for pair in result.comparison.pairs}
    fresh = compare_runs(result.runs, labels)
    pairs = [
        replace(pair, new_images=pair.new_images or known.get((pair.run, pair.setting)))
        for pair in fresh.pairs
    ]
    return replace(result, comparison=replace(fresh, pairs=pairs))


def compare_pair(name: str, setting: int, partners: Partners, labels: np.ndarray | None) -> Pair:
    """The figures of one pair, without verdicts."""
    accuracy = [run.test_accuracy - base.test_accuracy for base, run in partners]
    return Pair(
        name,
        setting,
        len(partners),
        ratio_of(partners, lambda run: run.epoch_seconds),
        intervals.paired_interval(accuracy),
        total_time_ratio(partners),
        None if labels is None else for_new_images(partners, labels),
    )


def ratio_of(
    partners: Partners, figure: Callable[[CompletedRun], float | None]
) -> RatioInterval | None:
    """The ratios of a positive figure; None unless it is known of both runs of every pair."""
    known = [(figure(run), figure(base)) for base, run in partners]
    ratios = [ours / theirs for ours, theirs in known if ours and theirs]
    return intervals.ratio_interval(ratios) if len(ratios) == len(known) else None


def total_time_ratio(partners: Partners) -> float | None:
    """All seconds of the epochs after the first, in all repeats, over those of the baseline."""
    base, ours = (
        [seconds for pair in partners for seconds in steady_seconds(pair[side])] for side in (0, 1)
    )
    return sum(ours) / sum(base) if len(ours) == len(base) > 0 else None


def steady_seconds(run: RunResult) -> list[float]:
    """Seconds of the epochs after the first, which also compiles; of a single epoch, all of it.

    None of a run that went on from a checkpoint, because two processes share an epoch there.
    """
    if run.resumed_from_step is not None or run.epoch_seconds is None:
        return []
    return [epoch.train_seconds for epoch in run.epochs[1:]] or [run.epoch_seconds]


def for_new_images(partners: Partners, labels: np.ndarray) -> MeanInterval | None:
    """The difference in accuracy with both seeds and images as a sample; None if answers lack."""
    if len(partners) < intervals.LEAST_FOR_INTERVAL:
        return None
    rows = []
    for pair in partners:
        right = [is_right(run, labels) for run in pair]
        base, ours = right
        if base is None or ours is None:
            return None
        rows.append(ours.astype(float) - base)
    return intervals.crossed_interval(np.array(rows))


def is_right(run: RunResult, labels: np.ndarray) -> np.ndarray | None:
    """Which test images a run classified correctly, [n]; None where its file can't be read."""
    shape = len(labels), CLASSES
    logits = series.read_tensor(run.predictions, "logits", shape, LARGEST_PREDICTIONS)
    return None if isinstance(logits, str) else logits.argmax(axis=1) == labels


def fastest_pair(result: ComparisonResult) -> tuple[str, Pair] | None:
    """The fastest run of the fastest framework, and that of the next one set against it.

    The reference in NumPy counts only where there is nothing else to compare with. Because the two
    were chosen among all runs for their times, p is multiplied by the number of pairs that could
    have been chosen (Bonferroni); there is no verdict on the accuracy.
    """
    groups = {
        name: [run.epoch_seconds for run in repeats if run.epoch_seconds is not None]
        for name, repeats in group_by_run(completed(result.main_runs())).items()
    }
    frameworks: dict[str, list[str]] = {}
    for run in completed(result.main_runs()):
        if groups[run.run] and run.run not in frameworks.setdefault(run.framework, []):
            frameworks[run.framework].append(run.run)
    if len(frameworks) > 2:
        frameworks.pop(REFERENCE.framework, None)
    means = {name: statistics.fmean(times) for name, times in groups.items() if times}
    # Of each framework the fastest run first, and the fastest framework first.
    ordered = sorted(
        (sorted(names, key=means.__getitem__) for names in frameworks.values()),
        key=lambda names: means[names[0]],
    )
    if len(ordered) < 2 or len(groups) < 3:
        return None
    (faster, *_), (slower, *_) = ordered[:2]
    partners = partners_of(result.main_runs(), faster, slower)
    if not partners:
        return None
    pair = compare_pair(slower, 0, partners, None)
    chosen = len(ordered[0]) * len(ordered[1])
    ratio = pair.train_time_ratio
    if ratio and ratio.p is not None:
        ratio = replace(ratio, p=min(1.0, chosen * ratio.p))
    (verdict,) = verdicts([ratio], intervals.SAME_TIME)
    return faster, replace(pair, train_time_ratio=ratio, time_verdict=verdict)


def judge(family: Sequence[Pair]) -> list[Pair]:
    """The same pairs with what may be said of each."""
    times = verdicts([pair.train_time_ratio for pair in family], intervals.SAME_TIME)
    accuracies = verdicts(
        [pair.test_accuracy_difference for pair in family], intervals.SAME_ACCURACY
    )
    return [
        replace(pair, time_verdict=time, accuracy_verdict=accuracy)
        for pair, time, accuracy in zip(family, times, accuracies, strict=True)
    ]


def verdicts(found: Sequence[MeanInterval | RatioInterval | None], margin: float) -> list[Verdict]:
    """What may be said of each comparison of one outcome; nothing of fewer than five pairs."""
    judged = {
        place: (each.p, each.within)
        for place, each in enumerate(found)
        if each and len(each.values) >= intervals.LEAST_FOR_CLAIM
    }
    words: list[Verdict] = ["none"] * len(found)
    if judged:
        p, bound = np.array(list(judged.values()), float).T
        trimmed = any(
            isinstance(each, RatioInterval) and len(each.values) >= intervals.LEAST_FOR_TRIMMING
            for each in found
        )
        different, same = intervals.claims(p, bound, margin, trimmed)
        for place, differs, equal in zip(judged, different, same, strict=True):
            words[place] = "different" if differs else "same" if equal else "undecided"
    return words
