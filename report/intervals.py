"""Paired differences between runs, with the uncertainty that their repeats support."""

import math
import statistics
from collections.abc import Sequence

from shared import formats
from shared.results import (
    Comparison,
    CompletedRun,
    MeanInterval,
    Pair,
    RatioInterval,
    RunResult,
    completed,
    group_by_run,
)

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

    In a sweep, in each setting on its own.
    """
    pairs = []
    for setting in dict.fromkeys(run.setting for run in runs):
        groups = group_by_run([run for run in runs if run.setting == setting])
        baseline, *others = groups
        reference = {run.seed: run for run in completed(groups[baseline])}
        for name in others:
            partners = [
                (reference[run.seed], run)
                for run in completed(groups[name])
                if run.seed in reference
            ]
            if partners:
                pairs.append(_compare_pair(name, setting, partners))
    return Comparison(runs[0].run, pairs)


def _compare_pair(
    name: str, setting: int, partners: Sequence[tuple[CompletedRun, CompletedRun]]
) -> Pair:
    ratios = [
        run.epoch_seconds / base.epoch_seconds
        for base, run in partners
        if run.epoch_seconds and base.epoch_seconds
    ]
    # The repeats are equally long, so that either none is known or all are.
    ratio = ratio_interval(ratios) if len(ratios) == len(partners) else None
    difference = paired_interval([run.test_accuracy - base.test_accuracy for base, run in partners])
    return Pair(name, setting, len(partners), ratio, difference)


def describe_pair(
    name: str,
    baseline: str,
    ratio: RatioInterval | None,
    difference: MeanInterval,
    repeats: int,
) -> str:
    """Time and accuracy of a run against the baseline, in words, and no more than is known."""
    time = _describe_ratio(name, baseline, ratio, repeats)
    points = f"{formats.points(difference.mean)} percentage points"
    low, high = difference.low, difference.high
    if low is None or high is None:
        accuracy = f"differs by {points}" if difference.mean else "is the same"
        chance = f"{'either' if ratio else 'it'} may be chance"
        return f"{time}, and its test accuracy {accuracy} (one repeat, so no interval: {chance})."
    if detectable(difference, 0):
        accuracy = f"Its test accuracy differs by {points}"
    else:
        accuracy = f"No detectable difference in test accuracy: {points}"
    limits = f"{formats.points(low)} to {formats.points(high)}"
    return f"{time}. {accuracy} (95 % interval {limits})."


def _describe_ratio(name: str, baseline: str, ratio: RatioInterval | None, repeats: int) -> str:
    """How a run's training time compares with the baseline's: a clause."""
    if ratio is None:
        return f"{name} cannot be compared with {baseline} in training time per epoch"
    times = formats.ratio(ratio.median)
    needs = f"{name} needs {times} times the training time per epoch of {baseline}"
    if ratio.low is None or ratio.high is None:
        return needs
    if not detectable(ratio, 1):
        needs = f"No detectable difference in training time per epoch between {name} and {baseline}"
        needs += f": ratio {times}"
    limits = f"{formats.ratio(ratio.low)} to {formats.ratio(ratio.high)}"
    return f"{needs} (95 % interval {limits}, {repeats} paired repeats)"
