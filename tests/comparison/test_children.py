"""Children are started and ended as each system wants it, whatever encoding they print in."""

import signal
import subprocess
import sys

import pytest

from comparison import children
from comparison.children import TEXT, apart, ask_to_end, child_environment


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
