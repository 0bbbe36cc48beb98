"""Reading what others wrote: only regular files, no more bytes than expected, no endless nesting.

A named pipe would let a reader wait for ever, and a device fill the memory.
"""

import errno
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from safetensors import SafetensorError

if TYPE_CHECKING:
    import numpy as np

# Bytes that JSON and what a network's weights or its answers may have: those of 130 million
# weights, of a million images, and of a header of ten thousand layers.
LARGEST_JSON = 2**27
LARGEST_WEIGHTS = 2**30
LARGEST_PREDICTIONS = 2**27
LARGEST_HEADER = 2**22


class UnfitFile(OSError):
    """There is something at this path, but no regular file of a size that is read."""


def open_regular(path: Path, most: int) -> io.BufferedReader:
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


def read_arrays(path: Path, most: int) -> dict[str, "np.ndarray"]:
    """The arrays in a safetensors file of at most `most` bytes.

    Raises:
        OSError: it can't be read, UnfitFile among them.
        ValueError: it is no such file, or holds numbers that NumPy does not know.
    """
    # Only now, because NumPy reads the number of threads when it is imported.
    from safetensors.numpy import load

    content = read_regular(path, most)
    check_header(content)
    try:
        return load(content)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"it is not a safetensors file ({error})") from None


def check_header(content: bytes) -> None:
    """Raise ValueError if a safetensors file that begins so has a header that is too long."""
    length = int.from_bytes(content[:8], "little")
    if length > LARGEST_HEADER:
        raise ValueError(f"a header of {length:,} bytes")


def expand_home(path: str) -> str:
    """The path with the home folder for `~`; an unknown user's stays as it is, as in shells."""
    # Path's own raises then.
    return os.path.expanduser(path)  # noqa: PTH111


def path_within(folder: Path, name: str) -> Path:
    """The path of a file that something in a folder names.

    Raises:
        ValueError: the name, or a link of that name, leads out of the folder.
    """
    try:
        inside = (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"expected the name of a file in the folder instead of {name[:80]!r}")
    return folder / name


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
