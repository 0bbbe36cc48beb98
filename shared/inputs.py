"""Reading what others wrote: only regular files, no more bytes than expected, no endless nesting.

A named pipe would let a reader wait for ever, and a device fill the memory.
"""

import errno
import io
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    import numpy as np

# Bytes that JSON and what a network's weights or its answers may have: those of a million epochs,
# 130 million weights, a million images, and a header of ten thousand layers.
LARGEST_JSON = 2**28
LARGEST_WEIGHTS = 2**30
LARGEST_PREDICTIONS = 2**27
LARGEST_HEADER = 2**22

# What safetensors calls the types of numbers that are computed with.
FLOATS = ("F32", "F64")


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


def read_tensors(
    path: Path,
    shapes: Mapping[str, tuple[int | None, ...]],
    most: int,
    columns: int | None = None,
) -> dict[str, "np.ndarray"]:
    """Arrays of float32 or float64 in a safetensors file of at most `most` bytes.

    Args:
        shapes: of each array that is read; None stands for any length but 0.
        columns: of the last axis at most so many are read.

    Raises:
        OSError: it can't be read, UnfitFile among them.
        ValueError: it is no such file, or one of the arrays is not there or another than expected;
            says what is there.
    """
    with open_regular(path, most) as file:
        check_header(file.read(8))
    try:
        with safe_open(path, framework="numpy") as arrays:
            return {
                name: _read_tensor(arrays, name, shape, columns) for name, shape in shapes.items()
            }
    except SafetensorError as error:
        raise ValueError(f"it is not a safetensors file ({error})") from None


def _read_tensor(
    arrays: Any, name: str, shape: tuple[int | None, ...], columns: int | None
) -> "np.ndarray":
    import numpy as np

    expected = f"{name} of F32 or F64 {['any' if n is None else n for n in shape]}"
    if name not in arrays.keys():  # noqa: SIM118 - it is no dictionary.
        raise ValueError(f"it holds no {expected}")
    header = arrays.get_slice(name)
    dtype, found = header.get_dtype(), header.get_shape()
    fits = len(found) == len(shape) and all(
        n == wanted or (wanted is None and n > 0) for n, wanted in zip(found, shape, strict=True)
    )
    if dtype not in FLOATS or not fits:
        raise ValueError(f"it holds {name} of {dtype} {found} instead of {expected}")
    # The library refuses a slice that ends beyond the array.
    array = header[..., : min(columns or found[-1], found[-1])]
    if not np.isfinite(array).all():
        raise ValueError(f"it holds numbers in {name} that are not finite")
    return array


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


def decode_json(
    content: bytes | str,
    kind: Any = Any,
    hook: Callable[[type, Any], Any] | None = None,
) -> Any:
    """Decode JSON as msgspec does, into a value of type `kind`.

    Args:
        hook: makes what JSON has no form for, as msgspec's `dec_hook`.

    Raises:
        ValueError: it is no JSON, not of that type, or nested too deeply to be decoded.
    """
    try:
        return msgspec.json.decode(content, type=kind, dec_hook=hook)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None


def _too_long(path: Path, found: str, most: int) -> UnfitFile:
    words = f"it has {found} bytes instead of at most {most:,}"
    return UnfitFile(errno.EFBIG, words, str(path))
