"""Interrupts: raised where that is allowed, else noted, and answered."""

import os
import signal
import subprocess
import sys

import pytest

from report.write import say_that_it_goes_on
from shared import interrupts
from tests.support.commands import child_environment, run_command, run_warm

pytestmark = pytest.mark.usefixtures("interruptible")


def send(how: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), how)


@pytest.mark.parametrize("how", interrupts.SIGNALS, ids=lambda how: how.name)
def test_whatever_asks_to_end_interrupts(how):
    with pytest.raises(KeyboardInterrupt):
        send(how)
    assert interrupts.is_noted()


def test_what_is_held_is_done_and_what_follows_is_not():
    done = []
    with interrupts.held():
        send()
        done.append("held")
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            done.append("allowed")
    assert done == ["held"]


def test_it_is_raised_where_it_is_allowed_within_what_is_held():
    with interrupts.held():
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            send()
            pytest.fail("went on")
        # What tidies up is not cut short.
        send()


def test_what_is_allowed_can_be_held_to_its_end():
    with interrupts.held(), interrupts.allowed():
        interrupts.hold()
        send()
    assert interrupts.is_noted()


def test_whoever_insists_is_obeyed():
    with pytest.raises(KeyboardInterrupt), interrupts.held():
        for number in range(interrupts.IMPATIENT):
            assert number < interrupts.IMPATIENT
            send()


def test_how_many_more_it_takes_is_told(capfd):
    with pytest.raises(KeyboardInterrupt), interrupts.held(say_that_it_goes_on):
        for words in ("twice more", "once more", ""):
            send()
            assert f"interrupt {words} to stop that too" in capfd.readouterr().err


@pytest.mark.parametrize("end", ["return 0", "raise KeyboardInterrupt"])
def test_once_a_command_is_over_no_interrupt_changes_how_it_ended(end, tmp_path):
    program = f"""
import os, signal, sys
from shared.program import run_program
def work():
    {end}
status = run_program("program", work)
os.kill(os.getpid(), signal.SIGINT)
sys.exit(status)
"""
    done = run_warm("-c", program, cwd=tmp_path)
    ended = (0, "") if end == "return 0" else (1, "program: interrupted.\n")
    assert (done.returncode, done.stderr) == ended


def test_an_answer_is_given_at_once(capfd):
    with interrupts.held(lambda: interrupts.say("in a moment, caf\udce9")):
        send()
        assert capfd.readouterr().err == "in a moment, caf\\udce9\n"
    assert interrupts.is_noted()


def test_what_the_caller_muted_stays_muted():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    interrupts.listen()
    send()
    assert not interrupts.is_noted()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="terminals end otherwise here")
def test_nohup_is_respected(tmp_path):
    program = (
        "import os, signal; from shared import interrupts; interrupts.listen(); "
        "os.kill(os.getpid(), signal.SIGHUP); print(interrupts.is_noted())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=child_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("KeyboardInterrupt", "interrupted before anything was done."),
        ("KeyError(7)", "KeyError: 7"),
    ],
)
def test_whoever_interrupts_the_imports_reads_one_sentence(error, words, tmp_path):
    program = f"import shared; raise {error}"
    done = run_command("-c", program, cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == words
    assert ("Traceback" in done.stderr) == ("KeyError" in words)
