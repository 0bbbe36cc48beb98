"""Reading what others wrote: only regular files, no more bytes than expected, no endless nesting.

A named pipe would let a reader wait for ever, and a device fill the memory.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import msgspec


class UnfitFile(OSError):
    """There is something at this path, but no regular file of a size that is read."""


def open_regular(path: Path, most: int) -> BinaryIO:
    """Open a file of at most `most` bytes to read it.

    Raises:
        UnfitFile: it is no regular file, or has more bytes; `strerror` says which.
        OSError: it can't be opened.
    """
    # Not blocking, or opening a pipe would wait for someone to write into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise UnfitFile(errno.EINVAL, "it is no regular file", str(path))
        if status.st_size > most:
            raise _too_long(path, f"{status.st_size:,}", most)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """The content of a file of at most `most` bytes.

    Raises:
        UnfitFile: it is no regular file, or has more bytes; `strerror` says which.
        OSError: it can't be read.
    """
    with open_regular(path, most) as file:
        content = file.read(most + 1)
    # Some files, as those in /proc, have more than they say.
    if len(content) > most:
        raise _too_long(path, f"more than {most:,}", most)
    return content


def decode_json(content: bytes | str, kind: Any = Any) -> Any:
    """Decode JSON as msgspec does, into a value of type `kind`.

    Raises:
        ValueError: it is no JSON, not of that type, or nested too deeply to be decoded.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None


def _too_long(path: Path, found: str, most: int) -> UnfitFile:
    words = f"it has {found} bytes instead of at most {most:,}"
    return UnfitFile(errno.EFBIG, words, str(path))
