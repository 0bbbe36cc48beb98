"""What is claimed of the runs, in sentences: no more than report/pairs.py found."""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence

from report import intervals, wording
from report.figures import completed_by_run, dataset_title, mean_epoch_seconds
from report.pairs import fastest_pair
from shared import formats
from shared.pairs import MeanInterval, Pair, RatioInterval, Verdict
from shared.results import ComparisonResult, CompletedRun

ADVICE = "--repeats 8 for a verdict"

# What is said of so few repeats, once for all pairs.
HEDGES = {
    1: f"Observed once; {ADVICE}.",
    2: f"Observed twice, too few for an interval; {ADVICE}.",
    3: f"Three paired repeats give an interval, but no verdict; {ADVICE}.",
    4: f"Four paired repeats give an interval, but no verdict; {ADVICE}.",
}


def verdicts(result: ComparisonResult) -> list[str]:
    """The headline, what holds for several pairs, and the pairs in a sweep's other settings."""
    pairs = result.comparison.pairs
    said = [headline(result)] if pairs else []
    said += correction(result)
    return said + [describe_setting(result, pair) for pair in pairs if pair.setting != 0]


def correction(result: ComparisonResult) -> list[str]:
    """What goes for the verdicts of several comparisons together: a sentence, if there are any."""
    families = [
        sum(
            pair.setting == setting and pair.accuracy_verdict != "none"
            for pair in result.comparison.pairs
        )
        for setting in range(len(result.plan.settings))
    ]
    if max(families) < 2:
        return []
    return [
        "Each 95 % interval is for one pair alone; a difference is claimed only if it "
        f"passes Holm's correction for {max(families)} comparisons."
    ]


def each_pair(result: ComparisonResult) -> list[str]:
    """Each run set against the first, where the headline is about more than two."""
    pairs = [pair for pair in result.comparison.pairs if pair.setting == 0]
    return [describe_setting(result, pair) for pair in pairs] if len(pairs) > 1 else []


def headline(result: ComparisonResult) -> str:
    """What came out, in two or three sentences that claim no more than is known."""
    finished = completed_by_run(result)
    pairs = [pair for pair in result.comparison.pairs if pair.setting == 0]
    if not finished:
        return "No run completed, so there is nothing to compare."
    if len(finished) == 1:
        return _only_run(result, *finished.values())
    if len(finished) == 2 and len(pairs) == 1:
        (pair,) = pairs
        words = describe_pair(pair, result.comparison.baseline, result.dataset.test_size)
        return " ".join([words, *_hedges(pairs)])
    said = []
    if fastest := fastest_pair(result):
        faster, pair = fastest
        said.append(f"The fastest run of each framework: {faster} and {pair.run}.")
        if pair.train_time_ratio:
            words = TIME_WORDS[pair.time_verdict](pair.run, faster, pair.train_time_ratio)
            said.append(f"{words}.")
    said.append(_accuracies(result, pairs))
    return " ".join([*said, *_hedges(pairs)])


def claim(result: ComparisonResult) -> str:
    """The headline in a few words, without intervals and counts; all of it where that is short."""
    finished = completed_by_run(result)
    pairs = [pair for pair in result.comparison.pairs if pair.setting == 0]
    if len(finished) == 2 and len(pairs) == 1:
        (pair,) = pairs
        accuracy = _accuracy_claim(pair.accuracy_verdict, pair.test_accuracy_difference)
        return f"{_time_claim(pair, result.comparison.baseline)}; {accuracy}."
    if len(finished) > 2 and (fastest := fastest_pair(result)):
        faster, pair = fastest
        return f"{_time_claim(pair, faster)}, comparing the fastest run of each framework."
    return headline(result)


def _time_claim(pair: Pair, baseline: str) -> str:
    if pair.train_time_ratio is None:
        return f"How long {pair.run} or {baseline} takes per epoch is unknown"
    times = f"{wording.ratio(pair.train_time_ratio)} times as long per epoch as {baseline}"
    within = wording.within_time(pair.train_time_ratio)
    return {
        "none": f"{pair.run} took {times}",
        "different": f"{pair.run} takes {times}",
        "same": f"{pair.run} takes the same time per epoch as {baseline} within {within}",
        "undecided": f"Whether {pair.run} or {baseline} takes longer per epoch is undecided",
    }[pair.time_verdict]


def _accuracy_claim(verdict: Verdict, difference: MeanInterval) -> str:
    size, side = wording.points(difference.mean), _side(difference)
    return {
        "none": f"test accuracy {_observed_difference(difference)}",
        "different": f"test accuracy is {size} points {side}",
        "same": f"test accuracy is the same within {wording.within_points(difference)} points",
        "undecided": "the difference in test accuracy is undecided",
    }[verdict]


def _only_run(result: ComparisonResult, repeats: Sequence[CompletedRun]) -> str:
    accuracy = formats.percent(statistics.fmean(run.test_accuracy for run in repeats))
    seconds = mean_epoch_seconds(repeats)
    time = "" if seconds is None else f" and took {formats.seconds(seconds, 3)} per epoch"
    return (
        f"{repeats[0].run} classified {accuracy} of {dataset_title(result)}'s test images "
        f"correctly{time}."
    )


def _accuracies(result: ComparisonResult, pairs: Sequence[Pair]) -> str:
    """The test accuracies of more than two runs, in one sentence."""
    verdicts: dict[str, list[str]] = {}
    for pair in pairs:
        verdicts.setdefault(pair.accuracy_verdict, []).append(pair.run)
    baseline = result.comparison.baseline
    if not verdicts or "none" in verdicts:
        means = [
            statistics.fmean(run.test_accuracy for run in repeats)
            for repeats in completed_by_run(result).values()
        ]
        low, high = formats.percent(min(means)), formats.percent(max(means))
        spread = f"were all {low}" if low == high else f"lay between {low} and {high}"
        return f"Test accuracies {spread}."
    if verdicts.keys() == {"same"}:
        widest = max(pairs, key=lambda pair: pair.test_accuracy_difference.within or 0)
        within = wording.within_points(widest.test_accuracy_difference)
        return f"All test accuracies match {baseline}'s within {within} points (95 % each)."
    kinds = {"different": "differs", "undecided": "is undecided", "same": "is the same"}
    parts = [f"{kinds[kind]} for {', '.join(verdicts[kind])}" for kind in kinds if kind in verdicts]
    return f"Compared with {baseline}'s, test accuracy {'; it '.join(parts)}."


def _hedges(pairs: Sequence[Pair]) -> list[str]:
    return [HEDGES[n] for n in sorted({pair.repeats for pair in pairs}) if n in HEDGES]


def describe_setting(result: ComparisonResult, pair: Pair) -> str:
    """A run set against the first; where there are several settings, in which."""
    words = describe_pair(pair, result.comparison.baseline, result.dataset.test_size)
    if len(result.plan.settings) == 1:
        return words
    setting = result.plan.settings[pair.setting].items()
    changed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in setting)
    return f"At {changed}: {words}"


def describe_pair(pair: Pair, baseline: str, test_images: int) -> str:
    """Time and accuracy of a run against the baseline, in words, and no more than is known."""
    ratio, difference = pair.train_time_ratio, pair.test_accuracy_difference
    if ratio is None:
        time = f"The training time per epoch of {pair.run} or {baseline} is unknown"
    else:
        time = TIME_WORDS[pair.time_verdict](pair.run, baseline, ratio)
    seeds = f"{pair.repeats} paired seeds, these {formats.count(test_images)} test images"
    accuracy = ACCURACY_WORDS[pair.accuracy_verdict](difference, seeds)
    other = ""
    if pair.new_images and pair.accuracy_verdict != "none":
        limits = wording.points_limits(pair.new_images)
        other = f" For new images of this kind the interval is {limits}."
    return f"{time}. {accuracy}.{other}"


def _observed_time(run: str, baseline: str, ratio: RatioInterval) -> str:
    limits = wording.ratio_limits(ratio)
    interval = f" (95 % interval {limits})" if limits else ""
    return f"{run} took {wording.ratio(ratio)} times{interval} as long per epoch as {baseline}"


def _different_time(run: str, baseline: str, ratio: RatioInterval) -> str:
    return (
        f"{run} takes {wording.ratio(ratio)} times as long per epoch as {baseline} (95 % interval "
        f"{wording.ratio_limits(ratio)}, {len(ratio.values)} paired repeats)"
    )


def _same_time(run: str, baseline: str, ratio: RatioInterval) -> str:
    return (
        f"{run} takes the same time per epoch as {baseline} within {wording.within_time(ratio)} "
        f"(95 %, {len(ratio.values)} paired repeats; ratio {wording.ratio(ratio)}, 95 % interval "
        f"{wording.ratio_limits(ratio)})"
    )


def _undecided_time(run: str, baseline: str, ratio: RatioInterval) -> str:
    n = len(ratio.values)
    logs = [math.log(each) for each in ratio.values]
    needed = intervals.repeats_to_resolve(logs, math.log1p(intervals.SAME_TIME), trim=True)
    least = formats.percent(intervals.SAME_TIME, 0)
    more = f"; detecting a difference of {least} would take about {needed} repeats"
    return (
        f"Whether {run} or {baseline} takes longer per epoch is undecided: ratio "
        f"{wording.ratio(ratio)} (95 % interval {wording.ratio_limits(ratio)}, {n} paired repeats"
        f"{more if needed > n else ''})"
    )


TIME_WORDS: dict[str, Callable[[str, str, RatioInterval], str]] = {
    "none": _observed_time,
    "different": _different_time,
    "same": _same_time,
    "undecided": _undecided_time,
}


# Keras computes accuracies in float32: less than half an image of 10,000 is rounding.
ROUNDING = 0.00005


def _observed_difference(difference: MeanInterval) -> str:
    if max(map(abs, difference.values), default=0) < ROUNDING:
        return "was the same"
    if len(difference.values) > 1:
        return f"differed by {wording.differences(difference)} points"
    return f"was {wording.points(difference.mean)} points {_side(difference)}"


def _side(difference: MeanInterval) -> str:
    return "higher" if difference.mean > 0 else "lower"


def _observed_accuracy(difference: MeanInterval, _: str) -> str:
    limits = wording.points_limits(difference) if any(difference.values) else ""
    interval = f" (95 % interval {limits})" if limits else ""
    return f"Its test accuracy {_observed_difference(difference)}{interval}"


def _different_accuracy(difference: MeanInterval, seeds: str) -> str:
    return (
        f"Its test accuracy is {wording.points(difference.mean)} points {_side(difference)} "
        f"(95 % interval {wording.points_limits(difference)}, {seeds})"
    )


def _same_accuracy(difference: MeanInterval, seeds: str) -> str:
    if not any(difference.values):
        return f"Its test accuracy is the same in every repeat ({seeds})"
    return (
        f"Its test accuracy is the same within {wording.within_points(difference)} points (95 %, "
        f"{seeds}; this many can detect a difference of {wording.resolved_points(difference)} "
        "points)"
    )


def _undecided_accuracy(difference: MeanInterval, seeds: str) -> str:
    needed = intervals.repeats_to_resolve(difference.values, intervals.SAME_ACCURACY)
    least = wording.points(intervals.SAME_ACCURACY)
    more = f"; detecting a difference of {least} points would take about {needed} seeds"
    return (
        "Whether its test accuracy differs is undecided: "
        f"{wording.differences(difference)} points (95 % interval "
        f"{wording.points_limits(difference)}, {seeds}"
        f"{more if needed > len(difference.values) else ''})"
    )


ACCURACY_WORDS: dict[str, Callable[[MeanInterval, str], str]] = {
    "none": _observed_accuracy,
    "different": _different_accuracy,
    "same": _same_accuracy,
    "undecided": _undecided_accuracy,
}


def crossings(result: ComparisonResult) -> list[str]:
    """Between which batch sizes of a sweep a run and the baseline change places."""
    sides: dict[str, list[tuple[int, int, int]]] = {}
    for pair in result.comparison.pairs:
        size, ratio = result.plan.settings[pair.setting].get("batch_size"), pair.train_time_ratio
        # Of fewer repeats there is only what was seen.
        if isinstance(size, int) and ratio and pair.time_verdict in ("different", "none"):
            side = 1 if ratio.median > 1 else -1
            sides.setdefault(pair.run, []).append((size, side, pair.repeats))
    sentences = []
    for run, unordered in sides.items():
        ordered = sorted(unordered)
        for (size, side, n), (next_size, next_side, _) in itertools.pairwise(ordered):
            if side != next_side:
                takes = "takes" if n >= intervals.LEAST_FOR_CLAIM else "took"
                more, less = ("longer", "less time") if side > 0 else ("less time", "longer")
                sentences.append(
                    f"{run} {takes} {more} per epoch than {result.comparison.baseline} at batch "
                    f"size {size} and {less} at {next_size}: they cross between {size} and "
                    f"{next_size}."
                )
    return sentences
