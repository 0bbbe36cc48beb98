"""Children are started and ended as each system wants it, whatever encoding they print in."""

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from comparison import children, jobs
from comparison.children import TEXT, ask_to_end, child_environment
from comparison.plan import plan_jobs
from comparison.probes import CpuReading
from shared.config import TrainConfig
from shared.flags import CHILD_VARIABLE
from shared.interrupts import apart
from shared.results import RunResult
from tests.support.commands import fake_interpreter, run_command


def test_a_child_prints_and_reads_utf_8_whatever_its_parent_has(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("LC_ALL", "POSIX")
    (tmp_path / "text").write_text("數字", encoding="utf-8")
    program = "import os, sys; print(open('text').read(), os.fsdecode(b'caf\\xe9'), sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", program, "Jürgen"],
        cwd=tmp_path,
        env=child_environment(KERAS_BACKEND="tensorflow"),
        capture_output=True,
        check=True,
        **TEXT,
    )
    assert done.stdout == "數字 caf\N{REPLACEMENT CHARACTER} Jürgen\n"


def test_a_child_apart_has_a_session_or_on_windows_a_group(monkeypatch):
    assert apart() == {"start_new_session": True}
    monkeypatch.setattr(children.sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    assert apart() == {"creationflags": 512}


class Child:
    """Notes what it is sent."""

    def __init__(self):
        self.sent = []
        self.send_signal = self.sent.append


@pytest.mark.parametrize(("platform", "sent"), [("linux", signal.SIGTERM), ("win32", "break")])
def test_a_child_is_asked_to_end_so_that_it_can_keep_what_is_finished(platform, sent, monkeypatch):
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", "break", raising=False)
    monkeypatch.setattr(children.sys, "platform", platform)
    child = Child()
    ask_to_end(child)
    assert child.sent == [sent]


SILENT = SimpleNamespace(epoch=lambda epochs: None, phase=lambda name: None)
SMALL = TrainConfig(dataset="digits", limit=64, epochs=2, hidden=(2, 2), threads=1)


def run_script(script: str, folder) -> RunResult:
    """What comes out of a run in whose place a script is started as the interpreter."""
    python = fake_interpreter(folder / "python", script)
    (job,) = plan_jobs(["numpy/reference"], {"numpy": str(python)}, [SMALL], repeats=1)
    return jobs.run_job(job, folder, [], SILENT)


def test_a_childs_processor_time_is_not_that_of_its_launcher(tmp_path, monkeypatch):
    """As python.exe in a virtual environment on Windows, which starts another and waits."""
    taken = []

    def take(seconds: float) -> CpuReading:
        taken.append(seconds)
        return CpuReading(len(taken), 3.0 * len(taken), len(taken))

    monkeypatch.setattr(jobs.CpuReading, "take", take)
    result = run_script(f'{sys.executable} "$@"; exit $?', tmp_path)
    assert (result.status, result.foreign_cpus) == ("completed", 2.0), result
    assert 0.1 < taken[0] < taken[1]


def test_no_line_of_a_childs_complaints_is_lost(tmp_path):
    script = "for k in 1 2 3; do echo printed $k; echo complaint $k >&2; done; sleep 0.1; exit 3"
    result = run_script(script, tmp_path)
    expected = [f"{word} {k}" for k in (1, 2, 3) for word in ("complaint", "printed")]
    assert sorted(result.error_output) == sorted(expected)
    assert result.end.exit_status == 3


def test_a_childs_events_are_utf_8_whatever_standard_output_is(tmp_path):
    flags = ("--dataset", "digits", "--limit", "64", "--epochs", "1", "--hidden", "2", "2")
    kept = ("--checkpoint-dir", "Jürgen", "--resume", "--output-dir", "out")
    environment = {CHILD_VARIABLE: "slug", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run_command("-m", "numpy_impl", *flags, *kept, cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "Jürgen/slug" in done.stdout
