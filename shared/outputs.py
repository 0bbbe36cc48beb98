"""Where a command puts what it writes: a folder of its own, never somebody else's."""

import contextlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from shared import interrupts
from shared.errors import UsageError
from shared.program import Interrupted
from shared.visible import escape

COMMAND, RESULTS = "command.txt", "results.json"
NOTHING_KEPT = "interrupted before the end of the first epoch; no results were kept."

# Folders that were claimed here, each with those that were created for it, itself among them.
_created: dict[Path, list[Path]] = {}


def claim_output_dir(
    requested: Path | None, command: str, is_unfinished: Callable[[Path], bool] | None = None
) -> Path:
    """Create the output folder and mark it as taken with a file `command.txt`.

    Args:
        requested: a new or empty folder; None for `results/<UTC time>`, made unique.
        command: what the user typed; the content of the file.
        is_unfinished: given where a command goes on: whether a folder in which the same command
            was begun still lacks something, and so may be used again.

    Raises:
        UsageError: `requested` is a file, is not empty, or cannot be written.
    """
    folder = requested or Path("results")
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        if requested is None:
            folder = _unique_folder(folder)
            missing.insert(0, folder)
        folder.mkdir(parents=True, exist_ok=True)
        if is_unfinished and _began(folder, command) and is_unfinished(folder):
            _created.pop(folder, None)
            return folder
        if any(folder.iterdir()):
            raise UsageError(
                f"--output-dir {folder}: the folder is not empty; choose a new one, "
                "so that no earlier result is overwritten."
            )
        _created[folder] = missing
        with (folder / COMMAND).open("x", encoding="utf-8") as file:
            file.write(command + "\n")
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"--output-dir {folder}: expected a new or empty folder, but it is a file or in use "
            "by another run; choose another name."
        ) from None
    except OSError as error:
        abandon_output_dir(folder)
        raise UsageError(
            f"--output-dir {folder}: cannot be written ({error.strerror}); choose another folder."
        ) from None
    return folder


@contextlib.contextmanager
def claimed_output_dir(
    requested: Path | None,
    command: str,
    result: str,
    is_unfinished: Callable[[Path], bool] | None = None,
) -> Iterator[Path]:
    """The output folder of a command, given up again if it ends early without a result.

    No interrupt cuts the block short but where it allows that.

    Args:
        requested: as in `claim_output_dir`.
        command: as there.
        result: the name of the file without which there is nothing to keep.
        is_unfinished: as there.

    Raises:
        Interrupted: in the block; says what was kept.
        UsageError: `requested` can't be had.
    """
    with interrupts.held():
        folder = claim_output_dir(requested, command, is_unfinished)
        try:
            yield folder
        except KeyboardInterrupt:
            if abandon_without(folder, result):
                raise Interrupted(NOTHING_KEPT) from None
            raise Interrupted(
                f"interrupted; {folder / result} holds what was finished{hint(folder, result)}"
            ) from None
        except BaseException:
            abandon_without(folder, result)
            raise
        if folder.is_dir() and [path.name for path in folder.iterdir()] == [COMMAND]:
            # Nothing could be written; it must not stand in the way of the next try.
            abandon_output_dir(folder)


def hint(folder: Path, result: str) -> str:
    """How to draw what was kept, where there is a command for it."""
    if result != RESULTS:
        return "."
    return "; draw it with: " + join_words(["python", "-m", "report", str(folder)])


def abandon_without(folder: Path, result: str) -> bool:
    """Give a claimed folder up if there is no such file in it; returns whether there is none."""
    if (folder / result).exists():
        return False
    abandon_output_dir(folder)
    return True


def abandon_output_dir(folder: Path) -> None:
    """Remove what is in a folder that was claimed here, and the folders that were created for it.

    What can't be removed, as a mount point, stays.
    """
    if folder not in _created:
        return
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        for each in _created.pop(folder):
            each.rmdir()


def _began(folder: Path, command: str) -> bool:
    """Whether the same command, but for --resume, was begun in a folder."""
    try:
        begun = (folder / COMMAND).read_text(encoding="utf-8")
        return _without_resume(begun) == _without_resume(command)
    except (OSError, ValueError):
        return False


def _without_resume(command: str) -> list[str]:
    return [word for word in shlex.split(command) if word != "--resume"]


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


def join_words(words: Sequence[str]) -> str:
    """A command line, quoted for the shell that this system has."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def current_command() -> str:
    """What the user typed, ready to be pasted into a shell."""
    program, words = Path(sys.argv[0]), map(escape, sys.argv[1:])
    if program.name == "__main__.py":
        return join_words(["python", "-m", program.parent.name, *words])
    if (program.parent / "__init__.py").exists():
        return join_words(["python", "-m", f"{program.parent.name}.{program.stem}", *words])
    return join_words(["python", program.name, *words])
