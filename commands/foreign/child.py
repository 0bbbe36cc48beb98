"""What the children share that open a foreign file: a file in, safetensors out, or one reason."""

import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shared.config import Pixels
from shared.inputs import LARGEST_WEIGHTS, open_regular

if TYPE_CHECKING:
    import numpy as np

# The metadata's only key.
METADATA = "foreign"

# Bytes that a child may take beside what its file has, so that a damaged size is refused by the
# system and not by the machine's memory.
SPARE_MEMORY = 400_000_000


class Unreadable(Exception):
    """Why the file can't be taken, as the rest of a sentence that begins with its path."""


@dataclass(frozen=True)
class Described:
    """What a file says of its arrays beside their numbers."""

    order: list[str]
    """Their names, from the first layer to the last."""
    activation: str | None = None
    """A key of ACTIVATIONS; None if the file says nothing of it."""
    activation_parameters: Mapping[str, float] = field(default_factory=dict)
    pixels: Pixels | None = None
    """How they are prepared for the first layer; None if the file says nothing of it."""


Read = Callable[[BufferedReader], tuple[Mapping[str, "np.ndarray"], Described]]


def convert(framework: str, read: Read) -> int:
    """Turn the file that the command line names first into the one named second.

    Returns:
        The exit status: 0, or 2 after printing why not.
    """
    source, target = map(Path, sys.argv[1:])
    try:
        with open_regular(source, LARGEST_WEIGHTS) as file:
            limit_memory(os.fstat(file.fileno()).st_size)
            arrays, described = read(file)
        # Only now, because NumPy reads the number of threads when it is imported.
        from safetensors.numpy import save_file

        save_file(dict(arrays), target, {METADATA: msgspec.json.encode(described).decode()})
    except Unreadable as error:
        print(error)
    except OSError as error:
        print(f"cannot be read ({error.strerror or 'it is damaged'})")
    # Whoever reads such bytes may raise anything.
    except Exception as error:  # noqa: BLE001
        print(f"cannot be read as a file of {framework} (it is damaged; {type(error).__name__})")
    else:
        return 0
    return 2


def limit_memory(size: int) -> None:
    """Let this process take so many bytes more, some times over, and some beside."""
    try:
        import resource

        taken = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    # Elsewhere than on Linux there is neither.
    except (ImportError, OSError):
        return
    most = taken * resource.getpagesize() + 4 * size + SPARE_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def check_archive(file: BufferedReader) -> None:
    """Refuse a zip archive that would unpack to more than it is.

    Raises:
        Unreadable: it holds compressed entries, or more bytes than it has.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Unreadable("holds compressed entries, as programs do and weights do not")
    size = file.seek(0, os.SEEK_END)
    if sum(entry.file_size for entry in entries) > size:
        raise Unreadable(f"says it holds more than its own {size:,} bytes")
    file.seek(0)
