"""The files of checkpoints: written completely or not at all, and read only if intact."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from shared.checkpoint_events import EventKind
from shared.disk import flush_to_disk, insist
from shared.errors import CheckpointError
from shared.inputs import LARGEST_JSON, LARGEST_WEIGHTS, decode_json, open_regular, read_regular

MANIFEST = "manifest.json"
STATE = "state.json"
PARTS = ("weights", "state", "batches", "best")
FILES = {STATE, *(f"{part}.safetensors" for part in PARTS)}
# Bytes: the optimizer's state is twice the weights.
LARGEST_FILE = 2 * LARGEST_WEIGHTS


class Refused(Exception):
    """A checkpoint can't be used: the kind of event, and what belongs to it."""

    def __init__(self, kind: EventKind, **details: Any) -> None:
        super().__init__(kind)
        self.kind, self.details = kind, details


def numbers(folder: Path) -> list[int]:
    """The numbers of the checkpoints in a folder; whatever else is there is none.

    Raises:
        CheckpointError: what the folder holds can't be told.
    """
    try:
        names = [path.name for path in folder.iterdir() if path.name.isdecimal()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(
            f"--checkpoint-dir {folder.parent}: {folder} cannot be read ({error.strerror}); "
            "change its permissions, or choose another folder."
        ) from None
    return [int(name) for name in names if name == f"{int(name):06}"]


def lock(folder: Path) -> FileLock:
    """Keep other trainings away from a run's checkpoints, as long as the lock is held.

    Raises:
        CheckpointError: another one is at work there, or there can be no lock.
    """
    # One for each path in a process, so that whoever holds it may ask again.
    held = FileLock(folder.with_name(f"{folder.name}.lock"), is_singleton=True)
    try:
        held.acquire(timeout=0)
    except Timeout:
        raise CheckpointError(
            f"--checkpoint-dir {folder.parent}: another training is saving to {folder}; "
            "wait until it ends, or choose another folder."
        ) from None
    except OSError as error:
        raise unwritable(folder.parent, error) from None
    return held


def write_checkpoint(folder: Path, contents: Mapping[str, bytes]) -> int:
    """Write a new checkpoint of these files, completely or not at all; returns its number.

    Raises:
        OSError: the folder can't be written.
    """
    number = max(numbers(folder), default=0) + 1
    partial = folder / f"{number:06}.partial"
    try:
        remove(partial)
        partial.mkdir(parents=True)
        for name, content in contents.items():
            write_durably(partial / name, content)
        insist(lambda: partial.rename(folder / f"{number:06}"))
    except BaseException:
        remove(partial)
        raise
    sync_folder(folder)
    return number


def read_contents(folder: Path) -> dict[str, bytes]:
    """The files of a checkpoint by name.

    Raises:
        Refused: one of them is not what was written, or not known.
        OSError: one can't be read.
    """
    manifest = decode_json(read_regular(folder / MANIFEST, LARGEST_JSON), dict[str, str])
    if not manifest.keys() <= FILES:
        raise Refused("unknown")
    return {name: _read_intact(folder / name, manifest[name]) for name in manifest}


def remove(path: Path) -> None:
    """Remove a checkpoint, or what has its name, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def unwritable(folder: Path, error: OSError) -> CheckpointError:
    """What to say of a folder that can't be written."""
    reason = error.strerror or str(error)
    return CheckpointError(
        f"--checkpoint-dir {folder}: cannot be written ({reason}); choose another folder.", reason
    )


def _read_intact(path: Path, sha256: str) -> bytes:
    """The content, not in memory before its checksum is known to be right; else Refused."""
    with open_regular(path, LARGEST_FILE) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise Refused("damaged", file=path.name)
        file.seek(0)
        return file.read()


def checksum(content: bytes) -> str:
    """SHA-256, as the manifest has it."""
    return hashlib.sha256(content).hexdigest()


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file so that it survives even a power failure."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        flush_to_disk(file.fileno())


def sync_folder(folder: Path) -> None:
    """Let the names in a folder survive a power failure, where the system can do that."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            flush_to_disk(descriptor)
        finally:
            os.close(descriptor)
