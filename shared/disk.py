"""What systems differ in when files are written: who holds them, and what has reached the disk."""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import TypeVar

Outcome = TypeVar("Outcome")

# Seconds before each further try: a scanner or a viewer holds a file for a moment.
PAUSES = (0.01, 0.03, 0.1, 0.3, 1.0)


def insist(operation: Callable[[], Outcome]) -> Outcome:
    """Do it, and again where Windows refuses because another program has the file open.

    Raises:
        OSError: it can't be done.
    """
    for pause in PAUSES if sys.platform == "win32" else ():
        try:
            return operation()
        except PermissionError:
            time.sleep(pause)
    return operation()


def flush_to_disk(descriptor: int) -> None:
    """Have what was written survive a power failure."""
    os.fsync(descriptor)
    if sys.platform == "darwin":
        import fcntl

        # There fsync leaves it in the disk's own cache. Not every file system knows this.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
