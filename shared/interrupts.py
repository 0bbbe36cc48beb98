"""What ends a command early: Ctrl-C, and requests of the system and of the terminal.

KeyboardInterrupt is raised only where a command waits or computes. Where it starts a process or
writes what is finished, an interrupt is noted; it takes effect at the next place that allows it.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shared.streams import fold

# Those of them that this system has; a closed terminal sends SIGHUP, Windows' Ctrl-Break SIGBREAK.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))

# Whoever interrupts so often means it, whatever is lost.
IMPATIENT = 3


@dataclass
class _State:
    allowed: bool = True
    count: int = 0
    answer: Callable[[], object] | None = None


_state = _State()


def listen() -> None:
    """Let all of these signals interrupt, but for those that whoever started this has muted."""
    _state.allowed, _state.count, _state.answer = True, 0, None
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _interrupt)


def mute() -> None:
    """Let none of these signals change what this process does until its end."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def is_noted() -> bool:
    """Whether there was an interrupt."""
    return _state.count > 0


def until_obeyed() -> int:
    """How many more interrupts end whatever is held."""
    return max(0, IMPATIENT - _state.count)


def hold() -> None:
    """Raise no more before the innermost `allowed` or `held` ends: little is left to do."""
    _state.allowed = False


def apart() -> dict[str, Any]:
    """How to start a child that Ctrl-C in the terminal does not reach, as arguments of Popen."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


@contextlib.contextmanager
def held(answer: Callable[[], object] | None = None) -> Iterator[None]:
    """Let no interrupt cut the block short.

    Args:
        answer: called instead, at any moment of the block.
    """
    before = _state.allowed, _state.answer
    _state.allowed, _state.answer = False, answer or _state.answer
    try:
        yield
    finally:
        _state.allowed, _state.answer = before


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Let an interrupt cut the block short, also one that was noted before.

    Raises:
        KeyboardInterrupt: there was one.
    """
    before, _state.allowed = _state.allowed, True
    try:
        if is_noted():
            raise KeyboardInterrupt
        yield
    finally:
        _state.allowed = before


def say(words: str) -> None:
    """Tell a person something in the midst of anything, even of printing."""
    with contextlib.suppress(OSError):
        if os.isatty(2):
            # Beneath what may stand in the last line.
            words = "\n" + fold(words, os.get_terminal_size(2).columns)
        os.write(2, f"{words}\n".encode(errors="backslashreplace"))


def _interrupt(*_: object) -> None:
    _state.count += 1
    if _state.allowed or _state.count >= IMPATIENT:
        # What tidies up after this must not be cut short in its turn.
        _state.allowed = False
        raise KeyboardInterrupt
    if _state.answer:
        _state.answer()
