"""A comparison goes on until its ratios are known, whatever they are, and no longer than it may."""

import math
from dataclasses import replace

import pytest

from comparison import precision, run
from comparison.jobs import Measured
from comparison.plan import Request, plan_jobs
from report.pairs import compare_runs
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.pairs import Comparison, MeanInterval, Pair, RatioInterval
from shared.results import Plan
from shared.results_file import load_results
from tests.support.results import make_run

CONFIG = TrainConfig(dataset="digits", epochs=3, threads=1)
RUNS = ("numpy/reference", "numpy/reference#2")


class Silent:
    """In place of a console."""

    is_terminal = False

    def print(self, *words: object, **how: object) -> None: ...


def request(**given: object) -> Request:
    return replace(Request(CONFIG, verify=False), run=RUNS, **given)


def planned(request: Request, dataset: object) -> run.Prepared:
    """The comparison that `prepare` makes of a request."""
    interpreters = {"numpy": "python"}
    jobs = plan_jobs(RUNS, interpreters, [CONFIG], request.most_repeats)
    plan = Plan([{}], list(RUNS), request.most_repeats)
    return run.Prepared(plan, interpreters, jobs, CONFIG, dataset, None, describe_environment())


@pytest.fixture
def measure(monkeypatch, dataset, tmp_path):
    """Measure with runs that take the times they are told, and start no process."""
    asked: list[tuple[int, int]] = []

    def measure(request: Request, times, known: Measured | None = None):
        def make(job, *_):
            """Its second side takes as much longer as told."""
            asked.append((job.repeat, RUNS.index(job.run)))
            ratio = times(job.repeat) if job.run == RUNS[1] else 1.0
            made = make_run("numpy/reference", job.config.seed, speed=ratio or 1.0)
            return replace(
                made, **job.facts(), predictions=None, **({} if ratio else {"epoch_seconds": None})
            )

        monkeypatch.setattr("comparison.jobs.run_job", make)
        monkeypatch.setattr("comparison.jobs.probe_seconds", lambda *_: 0.005)
        monkeypatch.setattr(run, "start_once", lambda *_: None)
        monkeypatch.setattr(run, "RunProgress", Unseen)
        prepared = planned(request, dataset)
        nothing = known or Measured()
        measured = run.measure(request, prepared, None, tmp_path, nothing, Silent())
        return run.assemble(prepared, None, measured), asked

    return measure


class Unseen:
    """In place of a display."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "Unseen":
        return self

    def __exit__(self, *_: object) -> None: ...

    def start(self, title: str) -> None: ...

    def end(self, result: object) -> None: ...


def noisy(deviation: float):
    """Ratios whose logarithms lie as far to one side of a mean as to the other, in turn."""
    return lambda repeat: 1.5 * math.exp(deviation * (-1) ** repeat)


def test_it_ends_at_the_first_block_that_is_precise_enough(measure, tmp_path):
    result, asked = measure(request(ratio_precision=2.0), noisy(0.001))
    assert result.plan.repeats == 8
    assert len(asked) == 16
    # What was kept meanwhile says so too, and lists nothing beyond.
    kept = load_results(tmp_path / "results.json")
    assert (kept.plan.repeats, len(kept.runs)) == (8, 16)


def test_it_goes_on_by_two_until_it_is(measure):
    result, asked = measure(request(ratio_precision=8.0), noisy(0.1))
    repeats = result.plan.repeats
    assert 8 < repeats < 30
    assert repeats % 2 == 0
    widths = [
        precision.widest(compare_runs([run for run in result.runs if run.repeat < n]))
        for n in range(8, repeats + 1, 2)
    ]
    assert widths[-1] <= 8 < min(widths[:-1])
    assert len(asked) == len(set(asked)) == 2 * repeats


@pytest.mark.parametrize(("repeats", "most"), [(None, 30), (9, 8), (12, 12)])
@pytest.mark.parametrize("times", [noisy(0.5), lambda repeat: None], ids=["noisy", "unknown"])
def test_it_ends_where_it_may_go_no_further(repeats, most, times, measure):
    result, asked = measure(request(ratio_precision=1.0, repeats=repeats), times)
    assert result.plan.repeats == most
    assert len(asked) == 2 * most


def test_a_difference_ends_nothing(measure):
    """Twice as long, beyond all doubt, and yet not known within 1 %."""
    result, _ = measure(request(ratio_precision=1.0, repeats=12), noisy(0.05))
    (pair,) = result.comparison.pairs
    assert pair.train_time_ratio.low > 1.2
    assert result.plan.repeats == 12


def test_without_the_flag_nothing_is_added(measure):
    result, asked = measure(request(repeats=3), noisy(0.5))
    assert (result.plan.repeats, len(asked)) == (3, 6)


def test_what_was_measured_before_is_gone_on_from(measure):
    earlier, _ = measure(request(repeats=9), noisy(0.1))
    known = Measured(earlier.runs, earlier.probes)
    result, asked = measure(request(ratio_precision=1.0, repeats=12), noisy(0.1), known)
    assert asked[18:] == [(9, 1), (9, 0), (10, 0), (10, 1), (11, 1), (11, 0)]
    assert result.runs[:18] == earlier.runs
    assert len(result.probes) == 24


def compared(*ratios: RatioInterval | None) -> Comparison:
    nothing = MeanInterval(0.0)
    return Comparison("base", [Pair(str(k), 0, 8, each, nothing) for k, each in enumerate(ratios)])


PRECISE, VAGUE = RatioInterval(1.0, 1 / 1.02, 1.02), RatioInterval(1.0, 1 / 1.25, 1.25)


def test_the_half_width_is_that_to_either_side():
    assert precision.half_width(PRECISE) == pytest.approx(2)
    assert precision.half_width(VAGUE) == pytest.approx(25)
    for unknown in (None, RatioInterval(1.0), RatioInterval(1.0, 0.0, 2.0)):
        assert precision.half_width(unknown) == math.inf


@pytest.mark.parametrize(
    ("ratios", "reached", "words"),
    [
        (
            [PRECISE],
            True,
            "Every ratio of training times is known within 2.00 % (95 %) after 8 repeats; 3 % was "
            "asked for.",
        ),
        (
            [PRECISE, VAGUE],
            False,
            "After 8 repeats, the ratios of training times are only known within 25.00 % (95 %); "
            "3 % was asked for.",
        ),
        ([PRECISE, None], False, "After 8 repeats, not every ratio of training times is known."),
        ([], True, "After 8 repeats, not every ratio of training times is known."),
    ],
)
def test_the_least_precise_ratio_decides(ratios, reached, words):
    comparison = compared(*ratios)
    assert precision.is_reached(comparison, 3.0) is reached
    assert precision.describe_precision(comparison, 3.0, 8) == words
