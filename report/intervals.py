"""Paired differences between runs, with the uncertainty that their repeats support."""

import math
import statistics
from collections.abc import Sequence

from shared import formats
from shared.results import Comparison, MeanInterval, Pair, RatioInterval, RunResult, group_by_run

CONFIDENCE = 0.95


def paired_interval(differences: Sequence[float]) -> MeanInterval:
    """Mean of paired differences with Student's t interval at 95 %.

    The two-sided interval mean +- t(n - 1) * s / sqrt(n) for normally distributed differences:
    Student, "The Probable Error of a Mean", Biometrika 6 (1908). With a single difference there
    is no spread to go by, so there are no limits.
    """
    mean = statistics.fmean(differences)
    n = len(differences)
    if n < 2:
        return MeanInterval(mean)
    from scipy.special import stdtrit

    quantile = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    half_width = quantile * statistics.stdev(differences) / math.sqrt(n)
    return MeanInterval(mean, mean - half_width, mean + half_width)


def ratio_interval(ratios: Sequence[float]) -> RatioInterval:
    """Median of positive ratios, estimated by their geometric mean, with its t interval.

    The t interval is taken of the logarithms, in which "twice as long" and "half as long" are
    equally far from 1, and whose mean is also their median where they are normally distributed.
    """
    log = paired_interval([math.log(ratio) for ratio in ratios])
    return RatioInterval(
        math.exp(log.mean),
        None if log.low is None else math.exp(log.low),
        None if log.high is None else math.exp(log.high),
    )


def detectable(interval: MeanInterval | RatioInterval, nothing: float) -> bool | None:
    """Whether the interval excludes `nothing`, as 0 for differences; None if there is none."""
    if interval.low is None or interval.high is None:
        return None
    return not interval.low <= nothing <= interval.high


def compare_runs(runs: Sequence[RunResult]) -> Comparison:
    """Set every run against the first one, over the seeds that both completed.

    In a sweep, at each batch size on its own.
    """
    sizes = list(dict.fromkeys(run.batch_size for run in runs))
    pairs = []
    for size in sizes:
        groups = group_by_run([run for run in runs if run.batch_size == size])
        baseline, *others = groups
        reference = {run.seed: run for run in groups[baseline] if run.status == "completed"}
        for name in others:
            partners = [
                (reference[run.seed], run)
                for run in groups[name]
                if run.status == "completed" and run.seed in reference
            ]
            if partners:
                pairs.append(_compare_pair(name, baseline, partners, len(sizes) > 1))
    return Comparison(runs[0].run, pairs)


def _compare_pair(
    name: str, baseline: str, partners: Sequence[tuple[RunResult, RunResult]], swept: bool
) -> Pair:
    ratio = ratio_interval([run.epoch_seconds / base.epoch_seconds for base, run in partners])
    difference = paired_interval([run.test_accuracy - base.test_accuracy for base, run in partners])
    verdict = describe_pair(name, baseline, ratio, difference, len(partners))
    batch_size = partners[0][1].batch_size
    if swept:
        verdict = f"At batch size {batch_size}: {verdict}"
    return Pair(name, batch_size, len(partners), ratio, difference, verdict)


def describe_pair(
    name: str, baseline: str, ratio: RatioInterval, difference: MeanInterval, repeats: int
) -> str:
    """Time and accuracy of a run against the baseline, in words, and no more than is known."""
    times = formats.ratio(ratio.median)
    time = f"{name} needs {times} times the training time per epoch of {baseline}"
    points = f"{formats.points(difference.mean)} percentage points"
    if repeats == 1:
        accuracy = f"differs by {points}" if difference.mean else "is the same"
        chance = "one repeat, so no interval: either may be chance"
        return f"{time}, and its test accuracy {accuracy} ({chance})."
    if not detectable(ratio, 1):
        time = f"No detectable difference in training time per epoch between {name} and {baseline}"
        time += f": ratio {times}"
    low, high = formats.ratio(ratio.low), formats.ratio(ratio.high)
    time += f" (95 % interval {low} to {high}, {repeats} paired repeats)."
    if detectable(difference, 0):
        accuracy = f"Its test accuracy differs by {points}"
    else:
        accuracy = f"No detectable difference in test accuracy: {points}"
    low, high = formats.points(difference.low), formats.points(difference.high)
    return f"{time} {accuracy} (95 % interval {low} to {high})."
