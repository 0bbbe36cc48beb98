"""How far paired figures differ, how sure that is, and what may be claimed from it.

The same functions take one comparison or, in benchmarks/verdicts.py, thousands of simulated ones:
arrays hold the pairs of a comparison along their last axis.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.pairs import MeanInterval, RatioInterval

CONFIDENCE = 0.95

# Most false claims of the comparisons of one outcome together. Far out in its tails a trimmed
# mean is not quite distributed as t; benchmarks/verdicts.py shows what is left of the 5 %.
LEVEL, LEVEL_OF_TRIMMED = 0.05, 0.045

# Pairs from which on there is an interval, a claim, and trimming.
LEAST_FOR_INTERVAL, LEAST_FOR_CLAIM, LEAST_FOR_TRIMMING = 3, 5, 8

# Up to these, what does not differ is called the same: a share of the time, a share of images.
SAME_TIME, SAME_ACCURACY = 0.05, 0.003

# Standard normal quantiles of a two-sided test at 5 % and of a power of 80 %, summed.
POWER_80 = 2.8


@dataclass(frozen=True)
class Estimate:
    """The centre of paired differences and what a t distribution says of it; all arrays [...].

    `error` is the centre's standard error. `bound` is what the centre's absolute value stays below
    with 95 % confidence: both of two one-sided tests at 5 % reject what lies beyond (Schuirmann
    1987). `p` is two-sided.
    """

    centre: np.ndarray
    error: np.ndarray
    half_width: np.ndarray
    bound: np.ndarray
    p: np.ndarray


def estimate(values: np.ndarray, trim: bool = False) -> Estimate:
    """The mean of differences [..., n >= 3] by Student's t, or their 20 % trimmed mean.

    With `trim`, from eight pairs on, the g = n // 5 lowest and highest are left out of the mean,
    and set to the nearest of the others for its standard error (Tukey and McLaughlin 1963;
    Yuen 1974): outliers neither shift it nor widen its interval.
    """
    # Only now, because it takes long to import.
    from scipy.special import stdtr, stdtrit

    n = values.shape[-1]
    g = n // 5 if trim and n >= LEAST_FOR_TRIMMING else 0
    k = n - 2 * g
    ordered = np.sort(values, axis=-1)
    centre = ordered[..., g : n - g].mean(axis=-1)
    winsorized = np.clip(ordered, ordered[..., [g]], ordered[..., [n - g - 1]])
    error = winsorized.std(axis=-1, ddof=1) * math.sqrt((n - 1) / (k * (k - 1)))
    # Equal differences leave rounding instead of a spread.
    error = np.where(winsorized[..., 0] == winsorized[..., -1], 0.0, error)
    centre = np.where(error == 0, winsorized[..., 0], centre)
    distance = np.divide(np.abs(centre), error, where=error > 0, out=np.full_like(centre, np.inf))
    p = np.where(centre == 0, 1.0, 2 * stdtr(k - 1, -distance))
    two_sided, one_sided = stdtrit(k - 1, (1 + CONFIDENCE) / 2), stdtrit(k - 1, CONFIDENCE)
    return Estimate(centre, error, two_sided * error, np.abs(centre) + one_sided * error, p)


def paired_interval(differences: Sequence[float]) -> MeanInterval:
    """Mean of paired differences, from three pairs on with Student's t interval at 95 %."""
    values = list(differences)
    if len(values) < LEAST_FOR_INTERVAL:
        return MeanInterval(math.fsum(values) / len(values), values=values)
    found = estimate(np.array(values))
    mean, half_width = float(found.centre), float(found.half_width)
    limits = mean - half_width, mean + half_width
    return MeanInterval(mean, *limits, float(found.bound), float(found.p), values)


def ratio_interval(ratios: Sequence[float]) -> RatioInterval:
    """Centre of positive paired ratios, from three pairs on with a t interval of the logarithms.

    In them "twice as long" and "half as long" are equally far from 1. From eight pairs on it is
    trimmed.
    """
    values = list(ratios)
    logs = np.log(values)
    if len(values) < LEAST_FOR_INTERVAL:
        return RatioInterval(math.exp(logs.mean()), values=values)
    found = estimate(logs, trim=True)
    centre, half_width = float(found.centre), float(found.half_width)
    # Few ratios may lie so far apart that no number can hold their limits.
    low, high, bound = (
        math.exp(max(-690.0, min(690.0, each)))
        for each in (centre - half_width, centre + half_width, float(found.bound))
    )
    return RatioInterval(math.exp(centre), low, high, bound - 1, float(found.p), values)


def holm(p: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """Which of the hypotheses along the last axis are rejected, at one level for all of them.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979): the smallest p is held
    to the level over their number, the next to that over one less, and so on until one fails.
    """
    count = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    rejected = np.take_along_axis(p, order, -1) <= level / (count - np.arange(count))
    answers = np.empty_like(rejected)
    np.put_along_axis(answers, order, np.logical_and.accumulate(rejected, axis=-1), -1)
    return answers


def claims(
    p: np.ndarray, bound: np.ndarray, margin: float, trimmed: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Which comparisons of one outcome, along the last axis, differ, and which are the same.

    For at least LEAST_FOR_CLAIM pairs each. What is neither is undecided.

    Args:
        p, bound: as in Estimate.
        margin: the largest bound of what is called the same.
        trimmed: whether these are of trimmed means.
    """
    several = p.shape[-1] > 1
    different = holm(p, LEVEL_OF_TRIMMED if trimmed and several else LEVEL)
    return different, ~different & (bound <= margin)


def crossed_interval(differences: np.ndarray) -> MeanInterval:
    """Mean of differences [seeds, images], each -1, 0 or 1, for other seeds and other images.

    Seeds and images are both a sample: the variance of the mean is that over seeds plus that over
    images less what both count, as in studies of several readers and cases. With v the variance of
    the mean over each, V = max(v_seeds + v_images - v_rest, v_images), at
    V^2 / (v_seeds^2 / (seeds - 1)) degrees of freedom (Satterthwaite).
    """
    from scipy.special import stdtrit

    seeds, images = differences.shape
    by_seed, by_image = differences.mean(axis=1), differences.mean(axis=0)
    mean = float(by_seed.mean())
    rest = differences - by_image - by_seed[:, None] + mean
    v_seeds = by_seed.var(ddof=1) / seeds
    v_images = by_image.var(ddof=1) / images
    v_rest = (rest**2).sum() / ((seeds - 1) * (images - 1)) / (seeds * images)
    variance = max(v_seeds + v_images - v_rest, v_images)
    freedom = variance**2 / (v_seeds**2 / (seeds - 1)) if v_seeds else math.inf
    quantile = stdtrit(min(freedom, 1e9), (1 + CONFIDENCE) / 2)
    half_width = float(quantile * math.sqrt(variance))
    return MeanInterval(mean, mean - half_width, mean + half_width)


def fieller(numerators: Sequence[float], denominators: Sequence[float]) -> tuple[float, float]:
    """95 % limits of the ratio of two paired means, three pairs or more; infinite if unbounded.

    The ratios N with (mean(a) - N mean(b))^2 <= t^2 var(a - N b) / n: Fieller, "Some Problems in
    Interval Estimation" (1954). Where the denominator's mean may be zero, they have no end, and
    the limits are those of all ratios.
    """
    from scipy.special import stdtrit

    n, (a, b) = len(numerators), (np.array(numerators), np.array(denominators))
    factor = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) ** 2 / n
    (s_aa, s_ab), (_, s_bb) = np.cov(a, b)
    square = b.mean() ** 2 - factor * s_bb
    if square <= 0:
        return -math.inf, math.inf
    middle = (a.mean() * b.mean() - factor * s_ab) / square
    end = (a.mean() ** 2 - factor * s_aa) / square
    half_width = math.sqrt(max(0.0, middle**2 - end))
    return float(middle - half_width), float(middle + half_width)


def repeats_to_resolve(differences: Sequence[float], smallest: float, trim: bool = False) -> int:
    """Pairs that find a difference of that size with a power of 80 %, at the spread of these."""
    spread = float(estimate(np.array(differences), trim).error) * math.sqrt(len(differences))
    return math.ceil((POWER_80 * spread / smallest) ** 2) + 2


def resolved(differences: Sequence[float]) -> float:
    """The difference that as many pairs as these, three or more, find with a power of 80 %."""
    n = len(differences)
    return POWER_80 * float(estimate(np.array(differences)).error) * math.sqrt(n / (n - 2))
