"""Where a command puts what it writes: a folder of its own, never somebody else's."""

import contextlib
import shlex
import shutil
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from shared.errors import UsageError


def claim_output_dir(requested: Path | None, command: str) -> Path:
    """Create the output folder and mark it as taken with a file `command.txt`.

    Args:
        requested: a new or empty folder; None for `results/<UTC time>`, made unique.
        command: what the user typed; the content of the file.

    Raises:
        UsageError: `requested` is a file, is not empty, or cannot be written.
    """
    folder = requested or Path("results")
    try:
        if requested is None:
            folder = _unique_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(
                f"--output-dir {folder}: the folder is not empty; choose a new one, "
                "so that no earlier result is overwritten."
            )
        with (folder / "command.txt").open("x", encoding="utf-8") as file:
            file.write(command + "\n")
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"--output-dir {folder}: expected a folder, new or empty, but it is a file or taken "
            "by another run; choose another name."
        ) from None
    except OSError as error:
        raise UsageError(
            f"--output-dir {folder}: cannot be written ({error.strerror}); choose another folder."
        ) from None
    return folder


def abandon_output_dir(folder: Path) -> None:
    """Remove a claimed folder with all that is in it, and `results` if nothing else is there."""
    shutil.rmtree(folder)
    if folder.parent == Path("results"):
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def _unique_folder(parent: Path) -> Path:
    """Create and return a folder in `parent` that nobody else has, named after the time."""
    parent.mkdir(parents=True, exist_ok=True)
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for number in count(1):
        folder = parent / (started if number == 1 else f"{started}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")


def current_command() -> str:
    """What the user typed, ready to be pasted into a shell."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return shlex.join(["python", "-m", program.parent.name, *sys.argv[1:]])
    if (program.parent / "__init__.py").exists():
        return shlex.join(["python", "-m", f"{program.parent.name}.{program.stem}", *sys.argv[1:]])
    return shlex.join(["python", program.name, *sys.argv[1:]])
