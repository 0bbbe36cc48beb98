"""Which worker a process is, who starts it, and that none is left."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from shared import workers
from shared.batches import share_of
from shared.errors import UsageError
from shared.run_ends import RunEnd
from tests.support.commands import ROOT, child_environment


def cluster(kind: str, index: int, **jobs: list[str]) -> str:
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for variable in workers.VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"RANK": "2", "WORLD_SIZE": "3"}, (2, 3)),
        ({"TF_CONFIG": cluster("worker", 1, worker=["a:1", "b:1"])}, (1, 2)),
        ({"TF_CONFIG": cluster("chief", 0, chief=["a:1"], worker=["b:1", "c:1"])}, (0, 3)),
        ({"TF_CONFIG": cluster("worker", 1, chief=["a:1"], worker=["b:1", "c:1"])}, (2, 3)),
    ],
)
def test_launchers_say_which_worker_this_is(variables, expected, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert workers.launched() == expected
    assert workers.find_rank() == (expected or (0,))[0]


@pytest.mark.parametrize(
    "variables",
    [
        {"RANK": "0"},
        {"WORLD_SIZE": "2"},
        {"RANK": "2", "WORLD_SIZE": "2"},
        {"RANK": "first", "WORLD_SIZE": "2"},
        {"TF_CONFIG": "{"},
        {"TF_CONFIG": "[]"},
        {"TF_CONFIG": cluster("worker", 2, worker=["a:1", "b:1"])},
        {"TF_CONFIG": cluster("ps", 0, ps=["a:1"], worker=["b:1"])},
    ],
)
def test_what_no_launcher_says_is_refused(variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=r"expected .*unset"):
        workers.launched()


def test_another_number_than_the_launchers_is_refused(monkeypatch):
    workers.refuse_other_number(5)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    workers.refuse_other_number(2)
    with pytest.raises(UsageError, match=r"--workers 1: expected 2, .*WORLD_SIZE"):
        workers.refuse_other_number(1)


def test_a_comparison_under_a_launcher_is_refused(monkeypatch):
    workers.refuse_launcher()
    monkeypatch.setenv("MASTER_ADDR", "there")
    with pytest.raises(UsageError, match="MASTER_ADDR: expected unset"):
        workers.refuse_launcher()


@pytest.mark.parametrize("rows", [1, 2, 25, 64])
@pytest.mark.parametrize("number", [1, 2, 3, 70])
def test_shares_are_the_batch(rows, number):
    shares = [range(*share_of(rows, rank, number)) for rank in range(number)]
    assert [row for share in shares for row in share] == list(range(rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


# What the others do.
SLEEP = "time.sleep(60)"

# Worker 0, which starts two others that sleep, says their numbers, and does what is asked.
STARTER = """
import os, subprocess, sys, time
from shared import workers
os.dup2(1, 2)
workers.PAUSE = workers.SETTLE = 0.05
workers.NOTICE = {notice}
sleeper = "import time; from shared import workers; workers.start(3, (), 1); {sleep}"
workers.when_lost(lambda end: print(end.kind, end.worker, end.signal, flush=True))
workers.start(3, (sys.executable, "-c", sleeper), {timeout})
print(*(each.pid for each in workers._group.processes), flush=True)
print(os.environ["RANK"], os.environ["WORLD_SIZE"], flush=True)
{then}
"""


@pytest.fixture
def start():
    """A function that starts worker 0 and returns its process and those that it started."""
    begun = []

    def start(then: str, notice: float = 0.1, timeout: float = 30):
        command = [
            sys.executable,
            "-c",
            STARTER.format(then=then, notice=notice, timeout=timeout, sleep=SLEEP),
        ]
        environment = child_environment()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        begun.append(process)
        others = [psutil.Process(int(each)) for each in process.stdout.readline().split()]
        assert process.stdout.readline() == "0 3\n"
        return process, others

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them is left, at the latest after five seconds."""
    return not psutil.wait_procs(processes, timeout=5)[1]


def test_none_is_left_when_worker_0_ends(start):
    process, others = start("workers.end(); print('ended', flush=True)")
    assert process.stdout.readline() == "ended\n"
    assert gone(others)
    assert process.wait(timeout=20) == 0


def test_one_that_stands_still_is_ended_too(start):
    process, others = start("time.sleep(1); workers.end()")
    os.kill(others[1].pid, signal.SIGSTOP)
    assert gone(others)
    assert process.wait(timeout=20) == 0


def test_none_is_left_when_worker_0_is_killed(start):
    process, others = start("time.sleep(60)")
    process.kill()
    assert gone(others)


def test_worker_0_ends_if_it_does_not_notice_that_one_is_killed(start):
    process, others = start("os.close(2); time.sleep(60)")
    started = time.monotonic()
    others[0].kill()
    assert process.wait(timeout=20) == 1
    assert time.monotonic() - started < 10
    lines = process.stdout.read().splitlines()
    assert lines == ["worker 1 is lost (killed).", "worker_killed 1 SIGKILL"]
    assert gone(others)


def test_worker_0_ends_if_it_does_not_notice_that_one_stands_still(start):
    process, others = start("time.sleep(60)", timeout=0.5)
    started = time.monotonic()
    os.kill(others[1].pid, signal.SIGSTOP)
    assert process.wait(timeout=20) == 1
    assert 0.5 < time.monotonic() - started < 10
    lines = process.stdout.read().splitlines()
    assert lines == ["worker 2 is lost (stopped).", "worker_stopped 2 None"]
    assert gone(others)


def test_worker_0_may_notice_first(start):
    then = "time.sleep(1); print(workers.loss().worker, flush=True); workers.end(); time.sleep(1)"
    process, others = start(then, notice=30)
    others[1].kill()
    assert process.wait(timeout=20) == 0
    assert process.stdout.read() == "2\n"


# As a framework that keeps its process from doing anything else while it waits.
BLOCKED = "import ctypes; ctypes.PyDLL(None).sleep(60)"


def test_worker_0_is_ended_even_if_it_can_not_act(start):
    process, others = start(BLOCKED)
    time.sleep(0.5)
    others[0].kill()
    assert process.wait(timeout=30) == -signal.SIGKILL
    assert process.stdout.read() == "worker 1 is lost.\n"
    assert gone(others)


def test_none_is_left_that_can_not_act(start, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SLEEP", BLOCKED)
    process, others = start("time.sleep(60)")
    time.sleep(1)
    process.kill()
    assert gone(others)


def test_whoever_stands_still_is_named_before_those_that_failed_by_it():
    def process(status, standing=False):
        program = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
        program = program if standing else f"raise SystemExit({status})"
        return subprocess.Popen([sys.executable, "-c", program])

    group = workers._Group([process(1), process(0, standing=True)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_group", group)
        group.processes[0].wait()
        while psutil.Process(group.processes[1].pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        assert workers.loss() == RunEnd("worker_stopped", worker=2)
        group.processes[1].kill()
        group.processes[1].wait()
        assert workers.loss() == RunEnd("worker_killed", worker=2, signal="SIGKILL")
        group.processes.pop()
        assert workers.loss() == RunEnd("worker_failed", worker=1, exit_status=1)
        group.processes.clear()
        assert workers.loss() is None
