"""What the benchmarks of several workers count as right, and what they make of their figures."""

import signal
from dataclasses import replace

import pytest

from benchmarks.exchange import SIZES, Line, Request, fit
from benchmarks.workers import __main__ as workers
from benchmarks.workers.kills import Ending
from benchmarks.workers.proof import Judged
from benchmarks.workers.traced import Case
from shared.errors import UsageError
from shared.verified import RunVerification, VerificationFailure

KILLED = Ending(1, signal.SIGKILL, 3.0, 0.5, 1, told=True, left=0)


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, True),
        ({"seconds": 10.5}, False),
        ({"status": 0}, False),
        ({"told": False}, False),
        ({"left": 1}, False),
        ({"how": signal.SIGSTOP, "seconds": 10.5}, True),
        ({"how": signal.SIGSTOP, "seconds": 20.0}, False),
    ],
)
def test_an_ending_is_as_promised_or_not(changed, good):
    ending = replace(KILLED, **changed)
    assert ending.is_good == good
    assert "worker 1" in ending.describe()


def judged(fault: str = "", kind: str = "", equal: bool = True) -> Judged:
    figures = {"float64": {"weights": 1e-15}}
    verdict = RunVerification("pytorch/eager", steps={"float64": 200}, figures=figures)
    if kind:
        verdict.fail(VerificationFailure(kind, message="it broke"))
    return Judged(Case("a case", "eager", 25, fault=fault), 2, verdict, equal)


def test_a_fault_has_to_be_found_and_nothing_else():
    assert judged().is_good
    assert not judged(equal=False).is_good
    assert not judged(kind="not_traced").is_good
    assert judged("a fault", "off").is_good
    assert not judged("a fault").is_good
    # One that merely breaks off was not found by comparing.
    assert not judged("a fault", "not_traced").is_good


def test_a_line_is_found_again():
    line = Line(0.0005, 2e9)
    found = fit({size: line.seconds(size) for size in SIZES})
    assert found.latency == pytest.approx(line.latency)
    assert found.bandwidth == pytest.approx(line.bandwidth)


@pytest.mark.parametrize(
    ("request_of", "flags", "sentence"),
    [
        (Request, {"workers": 1}, "--workers 1: expected 2 or more"),
        (Request, {"hidden": ()}, "--hidden: expected one or more numbers"),
        (Request, {"batch_size": (1,)}, "--batch-size 1: expected one or more numbers of 2"),
        (workers.Request, {"workers": (1, 2)}, "--workers 1 2: expected numbers of 2 or more"),
        (workers.Request, {"kills": -1}, "--kills -1: expected 0 or more"),
    ],
)
def test_bad_requests_are_refused(request_of, flags, sentence):
    with pytest.raises(UsageError, match=sentence):
        request_of(**flags)
