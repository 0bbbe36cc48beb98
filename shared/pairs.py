"""Runs set against one another: paired differences and ratios, and what they support."""

from dataclasses import dataclass, field
from typing import Literal

from shared.kinds import Count, Finite, Name, NotNegative, Positive, Share, Size


@dataclass(frozen=True)
class MeanInterval:
    """The mean of paired differences, `values`, one a pair, with its 95 % confidence limits.

    An interval of the mean difference over the seeds, by Student's t. `within` is what the mean's
    absolute value stays below with 95 % confidence, `p` the probability of a mean as far from 0 if
    nothing differs. All four are None where fewer than three pairs support nothing.
    """

    mean: Finite
    low: Finite | None = None
    high: Finite | None = None
    within: NotNegative | None = None
    p: Share | None = None
    values: list[Finite] = field(default_factory=list)


@dataclass(frozen=True)
class RatioInterval:
    """The centre of paired ratios, `values`, one a pair, with its 95 % confidence limits.

    An interval of exp(E[log ratio]): of the geometric mean, which is the median where logarithms
    are spread evenly, as the field's name says; from eight pairs on of its 20 % trimmed form. It is
    no interval of the mean ratio, nor of the ratio of the means, and it knows of no other states of
    the machine than those that the repeats met. `within` is a share: with 95 % confidence neither
    side takes longer by more than it. `p` and None are as in MeanInterval.
    """

    median: Positive
    low: NotNegative | None = None
    high: NotNegative | None = None
    within: NotNegative | None = None
    p: Share | None = None
    values: list[Positive] = field(default_factory=list)


# What may be said of a pair: nothing below five repeats.
Verdict = Literal["none", "different", "same", "undecided"]


@dataclass(frozen=True)
class Pair:
    """One run set against the baseline in one setting, over the seeds that both completed.

    `train_time_ratio` is None where a run's speed is not known. `total_time_ratio` is that of all
    seconds of the epochs after the first, and `new_images` the interval of the difference in
    accuracy for other test images of the same kind, where the answers to each image are known.
    """

    run: Name
    setting: Count
    repeats: Size
    train_time_ratio: RatioInterval | None
    test_accuracy_difference: MeanInterval
    total_time_ratio: Positive | None = None
    new_images: MeanInterval | None = None
    time_verdict: Verdict = "none"
    accuracy_verdict: Verdict = "none"


@dataclass(frozen=True)
class Comparison:
    """Every run set against the first."""

    baseline: Name
    pairs: list[Pair]
