"""Intervals against SciPy, their promise by simulation, and the words that follow from them."""

import math
from statistics import geometric_mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from report.intervals import (
    compare_runs,
    describe_pair,
    detectable,
    paired_interval,
    ratio_interval,
)
from shared.results import MeanInterval, RatioInterval, RunResult, group_by_run

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

FIGURES = st.integers(-(10**6), 10**6).map(lambda number: number / 1000)


def make_run(name: str, seed: int = 0, seconds: float = 1.0, accuracy: float = 0.9, **others):
    """A completed run, unless told otherwise."""
    known = {"status": "completed", "epoch_seconds": seconds, "test_accuracy": accuracy}
    size = others.pop("batch_size", 64)
    return RunResult(name, "framework", "variant", seed, 1, size, **known | others)


@given(differences=st.lists(FIGURES, min_size=2, max_size=12))
@REPEATABLE
def test_paired_interval_against_scipy(differences):
    interval = paired_interval(differences)
    scale = max(map(abs, differences))
    assert interval.mean == pytest.approx(np.mean(differences), abs=1e-9 * scale)
    if len(set(differences)) > 1:
        expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
        assert interval.low == pytest.approx(expected.low, rel=1e-7, abs=1e-7 * scale)
        assert interval.high == pytest.approx(expected.high, rel=1e-7, abs=1e-7 * scale)


def test_paired_interval_by_table():
    # t(4) = 2.776445 at 97.5 %; the deviation of 1 to 5 is sqrt(2.5).
    interval = paired_interval([5, 1, 4, 2, 3])
    assert interval.mean == 3
    half_width = 2.7764451 * math.sqrt(2.5 / 5)
    assert interval.low == pytest.approx(3 - half_width, rel=1e-7)
    assert interval.high == pytest.approx(3 + half_width, rel=1e-7)


def test_equal_differences_leave_no_doubt():
    assert paired_interval([0.5, 0.5, 0.5]) == MeanInterval(0.5, 0.5, 0.5)


@pytest.mark.parametrize("interval_of", [paired_interval, ratio_interval])
def test_one_repeat_gives_no_limits(interval_of):
    interval = interval_of([2.0])
    estimate = interval.mean if interval_of is paired_interval else interval.median
    assert estimate == pytest.approx(2, rel=1e-15)
    assert (interval.low, interval.high) == (None, None)
    assert detectable(interval, 0) is None


@pytest.mark.parametrize("n", [2, 5])
def test_95_of_100_intervals_cover_the_truth(n):
    draws = np.random.default_rng(0).normal(3, 2, (4000, n))
    intervals = [paired_interval(each) for each in draws.tolist()]
    covered = np.mean([interval.low <= 3 <= interval.high for interval in intervals])
    # 1.5 points are more than four standard errors.
    assert 0.935 < covered < 0.965


def test_95_of_100_ratio_intervals_cover_the_truth():
    draws = np.random.default_rng(1).lognormal(math.log(2), 0.3, (4000, 5))
    intervals = [ratio_interval(each) for each in draws.tolist()]
    covered = np.mean([interval.low <= 2 <= interval.high for interval in intervals])
    assert 0.935 < covered < 0.965


@given(ratios=st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=8))
@REPEATABLE
def test_ratio_interval_is_the_same_from_both_sides(ratios):
    interval = ratio_interval(ratios)
    swapped = ratio_interval([1 / ratio for ratio in ratios])
    assert swapped.median == pytest.approx(1 / interval.median, rel=1e-9)
    # In logarithms, because the limits of few ratios may lie far out.
    for limit, other in ((swapped.low, interval.high), (swapped.high, interval.low)):
        if 1e-300 < other < 1e300:
            assert math.log(limit) == pytest.approx(-math.log(other), rel=1e-9, abs=1e-9)


def test_ratio_interval_is_geometric():
    interval = ratio_interval([0.5, 2.0, 4.0])
    assert interval.median == pytest.approx(geometric_mean([0.5, 2, 4]), rel=1e-14)
    logs = paired_interval([math.log(0.5), math.log(2), math.log(4)])
    assert (math.log(interval.low), math.log(interval.high)) == pytest.approx((logs.low, logs.high))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-1, 1, False), (0, 1, False), (-1, 0, False), (0.1, 1, True), (-1, -0.1, True)],
)
def test_detectable(low, high, expected):
    assert detectable(MeanInterval((low + high) / 2, low, high), 0) is expected
    assert detectable(RatioInterval(1 + (low + high) / 2, 1 + low, 1 + high), 1) is expected


def test_groups_keep_the_order_of_their_first_run():
    runs = [make_run("b"), make_run("a"), make_run("a", 1), make_run("b", 1), make_run("c")]
    groups = group_by_run(runs)
    assert list(groups) == ["b", "a", "c"]
    assert [run.seed for run in groups["b"]] == [0, 1]
    assert groups["a"] == [runs[1], runs[2]]


def test_a_sweep_compares_at_each_batch_size():
    speeds = {64: (1.0, 2.0), 16: (4.0, 2.0)}
    runs = [
        make_run(name, seconds=seconds, batch_size=size, setting=setting)
        for setting, (size, pair) in enumerate(speeds.items())
        for name, seconds in zip(("a", "b"), pair, strict=True)
    ]
    pairs = compare_runs(runs).pairs
    assert [(pair.run, pair.setting, pair.train_time_ratio.median) for pair in pairs] == [
        ("b", 0, 2.0),
        ("b", 1, 0.5),
    ]


def test_runs_are_paired_by_seed():
    runs = [
        make_run("base", 0, 1.0, 0.90),
        make_run("other", 1, 6.0, 0.72),
        make_run("other", 0, 2.0, 0.91),
        make_run("base", 1, 3.0, 0.70),
    ]
    comparison = compare_runs(runs)
    assert comparison.baseline == "base"
    (pair,) = comparison.pairs
    assert (pair.run, pair.repeats) == ("other", 2)
    # Each twice as slow as its partner; set against the wrong one the spread would be large.
    assert pair.train_time_ratio.median == pytest.approx(2, rel=1e-14)
    assert pair.train_time_ratio.low == pytest.approx(2, rel=1e-14)
    assert pair.test_accuracy_difference == paired_interval([0.72 - 0.70, 0.91 - 0.90])


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted", "unavailable"])
@pytest.mark.parametrize("lost", ["base", "other"])
def test_only_completed_partners_count(status, lost):
    unfinished = {"status": status, "epoch_seconds": 50.0, "test_accuracy": None}
    runs = [
        make_run(name, seed, seconds, **(unfinished if name == lost and seed == 1 else {}))
        for seed in (0, 1, 2)
        for name, seconds in (("base", 1.0), ("other", 3.0))
    ]
    (pair,) = compare_runs(runs).pairs
    assert pair.repeats == 2
    assert pair.train_time_ratio.median == pytest.approx(3, rel=1e-14)


def test_no_partner_no_pair():
    lonely = [make_run("base", 0), make_run("other", 1), make_run("third", 0)]
    assert [pair.run for pair in compare_runs(lonely).pairs] == ["third"]
    failed = [make_run("base", status="failed"), make_run("other")]
    assert compare_runs(failed).baseline == "base"
    assert compare_runs(failed).pairs == []
    assert compare_runs([make_run("base")]).pairs == []


def words(ratio: RatioInterval, difference: MeanInterval, repeats: int = 5) -> str:
    return describe_pair("other", "base", ratio, difference, repeats)


FASTER, SAME_SPEED = RatioInterval(0.5, 0.4, 0.6), RatioInterval(1.1, 0.9, 1.3)
BETTER, SAME_ACCURACY = MeanInterval(0.02, 0.01, 0.03), MeanInterval(-0.001, -0.003, 0.001)


def test_words_where_all_differs():
    assert words(FASTER, BETTER) == (
        "other needs 0.50 times the training time per epoch of base "
        "(95 % interval 0.40 to 0.60, 5 paired repeats). "
        "Its test accuracy differs by +2.00 percentage points "
        "(95 % interval +1.00 to +3.00)."
    )


def test_words_where_nothing_differs():
    assert words(SAME_SPEED, SAME_ACCURACY) == (
        "No detectable difference in training time per epoch between other and base: "
        "ratio 1.10 (95 % interval 0.90 to 1.30, 5 paired repeats). "
        "No detectable difference in test accuracy: -0.10 percentage points "
        "(95 % interval -0.30 to +0.10)."
    )


@given(limits=st.lists(st.floats(0.2, 5), min_size=2, max_size=2), shift=st.floats(-0.5, 0.5))
@REPEATABLE
def test_no_detectable_difference_exactly_where_the_interval_covers(limits, shift):
    low, high = sorted(limits)
    ratio = RatioInterval((low + high) / 2, low, high)
    difference = MeanInterval(shift, shift - 0.1, shift + 0.1)
    text = words(ratio, difference)
    assert ("No detectable difference in training time" in text) == (low <= 1 <= high)
    covers = difference.low <= 0 <= difference.high
    assert ("No detectable difference in test accuracy" in text) == covers


def test_words_of_one_repeat():
    (pair,) = compare_runs([make_run("base"), make_run("other", 0, 2.5, 0.88)]).pairs
    assert words(pair.train_time_ratio, pair.test_accuracy_difference, pair.repeats) == (
        "other needs 2.50 times the training time per epoch of base, "
        "and its test accuracy differs by -2.00 percentage points "
        "(one repeat, so no interval: either may be chance)."
    )


def test_a_run_against_itself_shows_no_difference():
    random = np.random.default_rng(3)
    runs = [
        make_run(name, seed, float(random.lognormal(0, 0.05)), 0.9 + seed / 1000)
        for seed in range(5)
        for name in ("base", "base#2")
    ]
    (pair,) = compare_runs(runs).pairs
    told = words(pair.train_time_ratio, pair.test_accuracy_difference, pair.repeats)
    assert told.count("No detectable difference") == 2
    assert pair.test_accuracy_difference == MeanInterval(0, 0, 0)
