"""Child processes in Python: how they are started and ended on every system."""

import os
import signal
import subprocess
import sys
from typing import Any

from shared import LIBRARIES
from shared.registry import Run

# How what they print is read, if not as bytes, whatever the system's own encoding is.
TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "replace"}


def child_environment(**more: str) -> dict[str, str]:
    """The variables of this process, so that a child prints and reads UTF-8, and some more."""
    encoding = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:surrogateescape"}
    return os.environ | encoding | more


def ask_to_end(child: subprocess.Popen) -> None:
    """Interrupt a child that was started `apart`, so that it can keep what is finished."""
    if sys.platform == "win32":
        # To terminate would be to kill.
        child.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        child.send_signal(signal.SIGTERM)


def missing_modules(run: Run, interpreter: str) -> list[str]:
    """What a run needs and the interpreter does not have; nothing if it can't say."""
    search = "import sys; from importlib.util import find_spec as find; "
    search += "print(*(name for name in sys.argv[1:] if not find(name)))"
    command = [interpreter, "-c", search, *run.requires, *LIBRARIES]
    done = subprocess.run(command, capture_output=True, check=False, **TEXT)
    return done.stdout.split() if done.returncode == 0 else []
