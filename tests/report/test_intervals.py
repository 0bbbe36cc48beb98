"""Intervals against SciPy, their promises by simulation, and which claims they allow."""

import itertools
import math
from statistics import geometric_mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from report.intervals import (
    claims,
    crossed_interval,
    estimate,
    fieller,
    holm,
    paired_interval,
    ratio_interval,
    repeats_to_resolve,
    resolved,
)
from shared.pairs import MeanInterval, RatioInterval

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

FIGURES = st.integers(-(10**6), 10**6).map(lambda number: number / 1000)


@given(differences=st.lists(FIGURES, min_size=3, max_size=12))
@REPEATABLE
def test_paired_interval_against_scipy(differences):
    interval = paired_interval(differences)
    scale = max(map(abs, differences))
    assert interval.mean == pytest.approx(np.mean(differences), abs=1e-9 * scale)
    if len(set(differences)) > 1:
        test = stats.ttest_1samp(differences, 0)
        expected = test.confidence_interval(0.95)
        assert interval.low == pytest.approx(expected.low, rel=1e-7, abs=1e-7 * scale)
        assert interval.high == pytest.approx(expected.high, rel=1e-7, abs=1e-7 * scale)
        assert interval.p == pytest.approx(test.pvalue, rel=1e-7, abs=1e-12)


def test_paired_interval_by_table():
    # t(4) = 2.776445 at 97.5 %; the deviation of 1 to 5 is sqrt(2.5).
    interval = paired_interval([5, 1, 4, 2, 3])
    assert interval.mean == 3
    half_width = 2.7764451 * math.sqrt(2.5 / 5)
    assert interval.low == pytest.approx(3 - half_width, rel=1e-7)
    assert interval.high == pytest.approx(3 + half_width, rel=1e-7)


def test_equal_differences_leave_no_doubt():
    sure = paired_interval([0.5, 0.5, 0.5])
    assert (sure.mean, sure.low, sure.high, sure.within, sure.p) == (0.5, 0.5, 0.5, 0.5, 0.0)
    equal = paired_interval([0.0] * 5)
    assert (equal.mean, equal.low, equal.high, equal.within, equal.p) == (0, 0, 0, 0, 1)


@pytest.mark.parametrize("values", [[2.0], [2.0, 8.0]])
def test_one_and_two_repeats_give_no_limits(values):
    assert paired_interval(values) == MeanInterval(np.mean(values), values=values)
    ratio = ratio_interval(values)
    assert ratio.median == pytest.approx(geometric_mean(values), rel=1e-15)
    assert ratio == RatioInterval(ratio.median, values=values)


@pytest.mark.parametrize("n", [3, 5])
def test_95_of_100_intervals_cover_the_truth(n):
    draws = np.random.default_rng(0).normal(3, 2, (4000, n))
    found = estimate(draws)
    covered = np.mean(np.abs(found.centre - 3) <= found.half_width)
    # 1.5 points are more than four standard errors.
    assert 0.935 < covered < 0.965


@pytest.mark.parametrize("n", [5, 10])
def test_95_of_100_ratio_intervals_cover_the_truth(n):
    draws = np.random.default_rng(1).lognormal(math.log(2), 0.3, (2000, n))
    intervals = [ratio_interval(each) for each in draws.tolist()]
    covered = np.mean([interval.low <= 2 <= interval.high for interval in intervals])
    assert 0.93 < covered < 0.97


@given(ratios=st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=12))
@REPEATABLE
def test_ratio_interval_is_the_same_from_both_sides(ratios):
    interval = ratio_interval(ratios)
    swapped = ratio_interval([1 / ratio for ratio in ratios])
    assert swapped.median == pytest.approx(1 / interval.median, rel=1e-9)
    assert swapped.within == pytest.approx(interval.within, rel=1e-6, abs=1e-9)
    # In logarithms, because the limits of few ratios may lie far out.
    for limit, other in ((swapped.low, interval.high), (swapped.high, interval.low)):
        assert math.log(limit) == pytest.approx(-math.log(other), rel=1e-9, abs=1e-9)


def test_ratio_interval_is_geometric():
    interval = ratio_interval([0.5, 2.0, 4.0])
    assert interval.median == pytest.approx(geometric_mean([0.5, 2, 4]), rel=1e-14)
    logs = paired_interval([math.log(0.5), math.log(2), math.log(4)])
    assert (math.log(interval.low), math.log(interval.high)) == pytest.approx((logs.low, logs.high))


@pytest.mark.parametrize("n", [8, 10, 12, 20])
def test_from_eight_repeats_on_the_interval_is_trimmed_as_scipy_trims(n):
    """Yuen's test against values without spread is the one-sample test; its limits have 5 %."""
    ratios = np.random.default_rng(n).lognormal(0, 0.2, n)
    ratios[0] *= 30
    interval = ratio_interval(ratios.tolist())

    def p_value(truth: float) -> float:
        others = np.full(n, truth)
        return stats.ttest_ind(np.log(ratios), others, equal_var=False, trim=0.2).pvalue

    centre = stats.trim_mean(np.log(ratios), 0.2)
    assert math.log(interval.median) == pytest.approx(centre, rel=1e-9)
    assert interval.p == pytest.approx(p_value(0), rel=1e-7)
    for limit in (interval.low, interval.high):
        assert p_value(math.log(limit)) == pytest.approx(0.05, rel=1e-7)


def test_below_eight_repeats_and_of_accuracies_nothing_is_trimmed():
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 70.0]
    logs = stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    assert math.log(ratio_interval(values).high) == pytest.approx(logs.high, rel=1e-9)
    ten = [*values, 8.0, 9.0, 10.0]
    plain = stats.ttest_1samp(ten, 0).confidence_interval(0.95)
    assert paired_interval(ten).high == pytest.approx(plain.high, rel=1e-9)


@pytest.mark.parametrize("n", [5, 8, 10])
def test_the_bound_of_the_same_is_two_one_sided_tests(n):
    """Schuirmann's: what is within a margin is what both tests at 5 % find to be."""
    draws = np.random.default_rng(n).normal(0.2, 1, (200, n))
    margin = 0.9
    for values in draws:
        above = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
        below = stats.ttest_1samp(values, margin, alternative="less").pvalue
        assert (paired_interval(values).within <= margin) == (max(above, below) <= 0.05)


def test_a_bound_is_exceeded_by_one_truth_in_twenty_at_most():
    for truth in (0.0, 0.05, 0.3, 2.0):
        draws = np.random.default_rng(7).normal(truth, 0.5, (4000, 5))
        assert np.mean(estimate(draws).bound < truth) < 0.062


@given(p=st.lists(st.floats(0, 0.2), min_size=1, max_size=6))
@REPEATABLE
def test_holm_is_closed_testing_by_bonferroni(p):
    """A hypothesis is rejected if every set of hypotheses with it is, at 5 % over its size."""
    rejected = []
    for place in range(len(p)):
        others = [each for k, each in enumerate(p) if k != place]
        sets = itertools.chain.from_iterable(
            itertools.combinations(others, size) for size in range(len(p))
        )
        rejected.append(all(min([p[place], *s]) <= 0.05 / (len(s) + 1) for s in sets))
    assert holm(np.array(p)).tolist() == rejected


def test_claims():
    p, bound = np.array([0.001, 0.2, 0.2, 0.02]), np.array([0.3, 0.04, 0.3, 0.3])
    different, same = claims(p, bound, 0.05)
    assert different.tolist() == [True, False, False, False]
    assert same.tolist() == [False, True, False, False]
    # One alone needs no correction.
    assert claims(p[-1:], bound[-1:], 0.05)[0].tolist() == [True]


def test_trimmed_means_share_a_little_less():
    """Where they are several; alone, the words go with the interval."""
    p, bound = np.array([0.024, 0.9]), np.array([0.5, 0.5])
    assert claims(p, bound, 0.05)[0].any()
    assert not claims(p, bound, 0.05, trimmed=True)[0].any()
    assert claims(np.array([0.049]), bound[:1], 0.05, trimmed=True)[0].all()


@given(
    numerators=st.lists(st.floats(-5, 60), min_size=5, max_size=5),
    seed=st.integers(0, 1000),
)
@REPEATABLE
def test_fieller_holds_the_ratios_that_a_t_test_does_not_reject(numerators, seed):
    denominators = np.random.default_rng(seed).normal(0.5, 0.4, 5)
    low, high = fieller(numerators, denominators)

    def is_possible(ratio: float) -> bool:
        residuals = np.array(numerators) - ratio * denominators
        return np.ptp(residuals) == 0 or stats.ttest_1samp(residuals, 0).pvalue >= 0.05

    resolved_saving = stats.ttest_1samp(denominators, 0).pvalue < 0.05
    assert math.isfinite(high) == resolved_saving
    if resolved_saving:
        step = 1e-6 * (1 + abs(high) + abs(low))
        assert is_possible((low + high) / 2)
        assert not is_possible(low - step)
        assert not is_possible(high + step)


def test_crossed_interval_by_loops():
    """The same sums, written as the formula has them."""
    d = np.random.default_rng(0).integers(-1, 2, (4, 30)).astype(float)
    n, images = d.shape
    m = sum(d[s, x] for s in range(n) for x in range(images)) / (n * images)
    rows = [sum(d[s]) / images for s in range(n)]
    columns = [sum(d[:, x]) / n for x in range(images)]
    v_s = sum((r - m) ** 2 for r in rows) / (n - 1) / n
    v_i = sum((c - m) ** 2 for c in columns) / (images - 1) / images
    rest = sum((d[s, x] - columns[x] - rows[s] + m) ** 2 for s in range(n) for x in range(images))
    v_r = rest / ((n - 1) * (images - 1)) / (n * images)
    v = max(v_s + v_i - v_r, v_i)
    half = stats.t.ppf(0.975, v**2 / (v_s**2 / (n - 1))) * math.sqrt(v)
    found = crossed_interval(d)
    assert (found.mean, found.low, found.high) == pytest.approx((m, m - half, m + half), rel=1e-9)


def test_crossed_interval_covers_the_truth_where_seeds_alone_do_not():
    """Images that the frameworks differ on are the same for every seed, and a sample."""
    random = np.random.default_rng(3)
    crossed, seeds_alone = [], []
    for _ in range(300):
        # A tenth of the images depends on the framework, to either side.
        leaning = random.choice([-0.6, 0.0, 0.6], 400, p=[0.05, 0.9, 0.05])
        d = np.sign(random.random((10, 400)) - 0.5) * (random.random((10, 400)) < np.abs(leaning))
        d = np.abs(d) * np.sign(leaning)
        found, alone = crossed_interval(d), paired_interval(d.mean(axis=1))
        crossed.append(found.low <= 0 <= found.high)
        seeds_alone.append(alone.low <= 0 <= alone.high)
    assert np.mean(crossed) > 0.92
    assert np.mean(seeds_alone) < 0.5


def test_equal_answers_leave_no_doubt_about_new_images_either():
    found = crossed_interval(np.zeros((5, 20)))
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_repeats_that_resolve_a_difference_find_it_with_80_per_cent():
    values = [0.01, -0.03, 0.02, 0.00, -0.01]
    spread = np.std(values, ddof=1)
    for smallest in (0.01, 0.02, 0.03):
        n = repeats_to_resolve(values, smallest)
        # The power of a t test, by its noncentral distribution.
        limit = stats.t.ppf(0.975, n - 1)
        power = 1 - stats.nct.cdf(limit, n - 1, smallest / spread * math.sqrt(n))
        assert 0.75 < power < 0.9
    # What as many as these resolve is what as many would be asked for.
    assert repeats_to_resolve(values, resolved(values) * 1.0001) == len(values)
