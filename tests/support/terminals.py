"""Running the project's commands at a terminal of a given width, and what must hold there."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from tests.support.commands import ROOT, child_environment, warm

WIDTHS = (60, 80, 100)

# How a terminal, or who sits at it, may feel about colours.
COLOURS = {"plain": {}, "forced": {"FORCE_COLOR": "1"}, "none": {"NO_COLOR": "1"}}

WORD = re.compile("[A-Za-z]+")

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run_in_terminal(
    *arguments: str,
    cwd: Path,
    width: int,
    cold: bool = False,
    implementation: str = "numpy",
    **environment: str,
) -> tuple[int, str]:
    """Run `python ARGUMENTS` at a terminal of so many columns.

    Args:
        arguments: what stands behind `python`.
        cwd: the working directory.
        width: columns; with a height of 24 rows.
        cold: in an interpreter that imports all anew, as `run_command` does; else as `run_warm`.
        implementation: which of them is imported already if not.
        environment: variables on top of these: no colours are asked for, and the terminal has them.

    Returns:
        The exit status, and all that was written to the terminal.
    """
    main_end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    known = {name: value for name, value in child_environment().items() if "COLOR" not in name}
    known.pop("COLUMNS", None)
    environment = known | {"TERM": "xterm-256color"} | environment
    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(read_terminal, main_end)
        if cold or not warm(implementation).socket:
            status = subprocess.run(
                [sys.executable, *arguments],
                cwd=cwd,
                env=environment,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                check=False,
                timeout=240,
            ).returncode
        else:
            streams = [terminal] * 3
            status = warm(implementation).run_with(streams, *arguments, cwd=cwd, **environment)
        os.close(terminal)
        text = shown.result()
    os.close(main_end)
    return status, text


def read_terminal(descriptor: int) -> str:
    """All that is written to a pseudo-terminal, until its other end is closed."""
    shown = b""
    # Linux tells of the end by an error.
    with contextlib.suppress(OSError):
        while chunk := os.read(descriptor, 65536):
            shown += chunk
    return shown.decode().replace("\r\n", "\n")


def lines_of(text: str) -> list[str]:
    """What stands in a terminal at the end, without its colours: of lines that were drawn again
    and again the last state, and none that were wiped out."""
    kept = re.sub(r"[^\n]*\n(\x1b\[\?25h)?\r?\x1b\[1A\x1b\[2K", "", text)
    lines = (ESCAPE.sub("", line).rstrip("\r") for line in kept.split("\n"))
    return [line.rpartition("\r")[2] for line in lines]


@cache
def vocabulary() -> frozenset[str]:
    """Every word that this project's texts hold, in its code or in a string."""
    texts = (path.read_text(encoding="utf-8") for path in ROOT.glob("[a-z]*/**/*.py"))
    notes = (ROOT / "docs" / "side_by_side.toml").read_text(encoding="utf-8")
    return frozenset(word.lower() for text in (*texts, notes) for word in WORD.findall(text))


def assert_whole_words(text: str, *known: str) -> None:
    """No word in a terminal is a part of one, cut at an edge; numbers are not looked at.

    Args:
        text: what stands there.
        known: texts whose words may stand there too.
    """
    words = {word.lower() for line in lines_of(text) for word in WORD.findall(line)}
    others = {word.lower() for each in known for word in WORD.findall(each)}
    assert sorted(words - vocabulary() - others) == []
    assert "…" not in text


def assert_fits(text: str, width: int) -> None:
    """No line, however often it was drawn, is longer than the terminal is wide."""
    for line in re.split("[\r\n]", ESCAPE.sub("", text)):
        assert len(line.rstrip()) <= width, line
