"""When compiling has paid off, against Fieller's limits by SciPy and by simulation."""

import numpy as np
import pytest

from report.break_even import BreakEven, break_evens, describe_break_even
from report.intervals import fieller
from shared.results import RunResult
from tests.support.results import make_result, make_run


def compiled_pair(start: float, epoch: float, seed: int = 0) -> list[RunResult]:
    """A plain run of 1 s an epoch and no start, and a compiled one."""
    runs = [make_run("pytorch/eager", seed), make_run("pytorch/compiled", seed, speed=epoch)]
    for run, seconds in zip(runs, (0, start), strict=True):
        run.phases["first_step"] = seconds
        run.phases["build"] = 0.0
        run.phases["train"] = len(run.epochs) * run.epoch_seconds
    return runs


@pytest.mark.parametrize(
    ("start", "epoch", "words"),
    [
        (
            3.0,
            0.6,
            "pytorch/compiled needs 3.0 s more than pytorch/eager to start and saves 0.400 s "
            "per epoch: it was ahead after about epoch 8 (one repeat).",
        ),
        (
            -1.0,
            0.6,
            "pytorch/compiled needs 1.0 s less than pytorch/eager to start and saves 0.400 s "
            "per epoch: it was ahead at once (one repeat).",
        ),
        (
            3.0,
            1.5,
            "pytorch/compiled needs 3.0 s more than pytorch/eager to start and loses 0.500 s "
            "per epoch: it did not catch up (one repeat).",
        ),
    ],
)
def test_one_repeat(start, epoch, words, dataset):
    (found,) = break_evens(make_result(dataset, *compiled_pair(start, epoch)))
    assert describe_break_even(found) == words


def test_five_repeats_have_an_interval(dataset):
    savings = [0.40, 0.42, 0.38, 0.41, 0.39]
    runs = [run for seed, s in enumerate(savings) for run in compiled_pair(18.0, 1 - s, seed)]
    (found,) = break_evens(make_result(dataset, *runs))
    low, high = fieller(found.costs, found.savings)
    assert 42 < low < 45 < high < 48
    assert describe_break_even(found).endswith(
        f"it is ahead after epoch 45 (95 % interval {int(low) + 1} to {int(high) + 1}; "
        "5 paired repeats)."
    )


def test_a_saving_that_is_not_resolved_may_never_pay_off():
    unclear = BreakEven("a/compiled", "a/b", [18.0] * 5, [0.4, -0.3, 0.2, 0.1, -0.2])
    assert describe_break_even(unclear).endswith(": it may never catch up (5 paired repeats).")


def test_a_clear_loss_never_pays_off():
    lost = BreakEven("a/compiled", "a/b", [18.0] * 5, [-0.40, -0.41, -0.39, -0.40, -0.42])
    assert describe_break_even(lost).endswith(": it never catches up (5 paired repeats).")


def test_the_limits_hold_the_truth_in_95_of_100():
    """18 s of 0.40 s each: 45 epochs, with 5 % of noise on the time of an epoch."""
    random, covered = np.random.default_rng(0), []
    for _ in range(1000):
        savings = 0.70 * random.lognormal(0, 0.05, 5) - 0.30 * random.lognormal(0, 0.05, 5)
        costs = 18.0 * random.lognormal(0, 0.02, 5)
        truth = 18.0 * np.exp(0.02**2 / 2) / (0.40 * np.exp(0.05**2 / 2))
        low, high = fieller(costs.tolist(), savings.tolist())
        covered.append(low <= truth <= high)
    assert 0.93 < np.mean(covered) < 0.97


def test_repeats_are_paired_by_seed(dataset):
    plain, compiled = compiled_pair(3.0, 0.5)
    (second_plain, _), (_, third) = compiled_pair(3.0, 0.5, 1), compiled_pair(3.0, 0.5, 2)
    (found,) = break_evens(make_result(dataset, plain, compiled, second_plain, third))
    assert found.costs == [pytest.approx(3.0)]


def test_nothing_is_said_without_a_plain_run_of_the_framework(dataset):
    names = ("pytorch/compiled", "pytorch/compiled#2", "tensorflow/fit")
    assert break_evens(make_result(dataset, *(make_run(name) for name in names))) == []
