"""Which runs a comparison makes, and in which order."""

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparison.plan import Request, plan_jobs, plan_runs, refuse_with_verify_only, run_order
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.flags import SharedConfig
from shared.registry import ALONE, DEFAULT_RUNS

REPEATABLE = settings(derandomize=True, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def rows(count: int, repeats: int, seed: int) -> list[list[int]]:
    """The places of each repeat, in order."""
    order = run_order(count, repeats, seed)
    assert [repeat for repeat, _ in order] == sorted(repeat for repeat, _ in order)
    return [[place for each, place in order if each == repeat] for repeat in range(repeats)]


def test_workers_are_swept_as_batch_sizes_are():
    request = Request(SharedConfig(), run=("pytorch/eager",), workers=(1, 2, 4))
    assert request.settings() == [{"workers": 1}, {"workers": 2}, {"workers": 4}]
    assert [config.workers for config in request.configs()] == [1, 2, 4]
    runs, interpreters = plan_runs(request)
    jobs = plan_jobs(runs, interpreters, request.configs(), 1)
    assert {job.slug for job in jobs} == {f"pytorch-eager-workers{n}" for n in (1, 2, 4)}
    assert {job.facts()["workers"] for job in jobs} == {1, 2, 4}
    assert Request(SharedConfig(), workers=(2,)).settings() == [{}]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"workers": (2, 2)}, "--workers 2 2: expected one or more different numbers"),
        ({"workers": ()}, "--workers : expected one or more different numbers"),
        ({"workers": (0,)}, "--workers 0: expected 1 or more"),
        ({"workers": (1, 2), "batch_size": (8, 9)}, "several values of one of them"),
    ],
)
def test_workers_that_can_not_be_swept_are_refused(flags, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        Request(SharedConfig(), **flags).configs()


def test_all_leaves_out_what_trains_alone():
    everything = Request(SharedConfig(), run=("all",), workers=(1, 2))
    assert plan_runs(everything)[0] == ["pytorch/eager", "tensorflow/graph", "tensorflow/eager"]
    assert set(everything.left_out) == set(ALONE)
    assert Request(SharedConfig(), run=("all",)).left_out == []


@pytest.mark.parametrize("run", ALONE)
def test_what_trains_alone_is_refused_if_it_was_named(run):
    request = Request(SharedConfig(), run=("all", run), workers=(2,))
    with pytest.raises(UsageError, match=rf"--workers 2: expected 1 with {run}, because"):
        plan_runs(request)


def test_two_runs_alternate():
    for seed in range(5):
        assert rows(2, 5, seed) == [[0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]
    assert rows(1, 3, 0) == [[0]] * 3


@given(st.integers(1, 9), st.integers(1, 12), SEEDS)
@REPEATABLE
def test_each_repeat_has_everything_once_and_every_second_one_is_reversed(count, repeats, seed):
    made = rows(count, repeats, seed)
    assert all(sorted(row) == list(range(count)) for row in made)
    assert made[1::2] == [row[::-1] for row in made[: len(made) // 2 * 2 : 2]]
    assert made == rows(count, repeats, seed)
    # More repeats leave those before as they are.
    assert rows(count, repeats + 2, seed)[:repeats] == made


@given(st.integers(2, 9), st.integers(1, 6), SEEDS)
@REPEATABLE
def test_after_an_even_number_of_repeats_all_have_stood_as_early_as_late(count, half, seed):
    sums = Counter()
    for row in rows(count, 2 * half, seed):
        sums.update({place: position for position, place in enumerate(row)})
    assert set(sums.values()) == {half * (count - 1)}


def test_the_order_of_three_or_more_has_no_neighbours_of_its_own():
    followed = Counter()
    for seed in range(200):
        for row in rows(4, 4, seed):
            followed.update(pairwise(row))
    # Twelve pairs, expected 200 times each.
    assert len(followed) == 12
    assert 150 < min(followed.values()) <= max(followed.values()) < 250
    assert len({tuple(rows(4, 8, seed)[0]) for seed in range(200)}) == 24
    assert len({tuple(row) for row in rows(7, 8, 0)}) == 8


def request(**given) -> Request:
    return replace(Request(TrainConfig(dataset="digits"), run=DEFAULT_RUNS), **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ratio_precision": 0.0}, "--ratio-precision 0: expected a percentage above 0."),
        ({"ratio_precision": -1.5}, "--ratio-precision -1.5: expected a percentage"),
        ({"ratio_precision": float("nan")}, "--ratio-precision nan: expected a percentage"),
        ({"ratio_precision": float("inf")}, "--ratio-precision inf: expected a percentage"),
        ({"ratio_precision": 2.0, "repeats": 7}, "--repeats 7: expected 8 or more with --ratio-"),
        ({"ratio_precision": 2.0, "run": ("numpy/reference",)}, "expected at least two runs"),
    ],
)
def test_a_precision_that_cannot_be_reached_is_refused(given, words):
    with pytest.raises(UsageError, match=words.replace(".", r"\.")):
        plan_runs(request(**given))


def test_nothing_that_is_not_timed_has_a_precision():
    with pytest.raises(UsageError, match="cannot be combined with --ratio-precision"):
        refuse_with_verify_only(request(ratio_precision=2.0, verify_only=True))


@pytest.mark.parametrize(
    ("given", "most"), [({}, 1), ({"repeats": 5}, 5), ({"ratio_precision": 2.0}, 30)]
)
def test_how_often_each_run_is_made_at_most(given, most):
    assert request(**given).most_repeats == most
    assert request(ratio_precision=2.0, repeats=12).most_repeats == 12
