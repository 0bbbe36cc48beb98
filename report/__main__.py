"""`python -m report results/NAME`: draw a comparison's page again, or several as one."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from tyro.conf import Positional, arg

from report.page.page import open_in_browser, render
from report.read import read_folder
from report.terminal import make_console, say
from shared.config import TrainConfig
from shared.datasets import load_dataset
from shared.download import DataError
from shared.errors import UsageError
from shared.flags import Examples, Flag, parse_flags
from shared.program import run_program
from shared.results import write_atomically
from shared.results_file import PAGE
from shared.streams import tell

PROGRAM = "python -m report"


@dataclass(frozen=True)
class Request:
    """Draw report.html again from results.json; merge several folders into one page."""

    folder: Annotated[Positional[tuple[Path, ...]], arg(metavar="FOLDER ...")]
    """Folders of results, each with a results.json."""
    output: Path | None = None
    """Page to write. Default: report.html in FOLDER, or merged-report.html in the current folder if
    there are several."""
    data_dir: Path = field(default_factory=lambda: TrainConfig().data_dir)
    """Folder of the datasets, for the test images. Default: $DATA_DIR, else data."""
    open: Flag = False
    """Open the page in the browser."""

    examples: ClassVar[Examples] = (
        ("results/NAME", "draw one report again"),
        ("results/A results/B --output ab.html", "merge two"),
    )


def redraw(request: Request) -> Path:
    """Draw the page that was asked for; returns its path.

    Raises:
        UsageError: a folder holds no results, they don't fit together, or the page can't be
            written.
    """
    if not request.folder:
        raise UsageError("FOLDER: expected at least one folder of results, as results/NAME.")
    parts = [(read_folder(folder), folder) for folder in request.folder]
    names = list(dict.fromkeys(result.dataset.name for result, _ in parts))
    if len(names) > 1:
        raise UsageError(
            f"The folders are about different datasets ({', '.join(names)}): expected one; "
            "draw a page for each."
        )
    try:
        dataset = load_dataset(names[0], request.data_dir, limit=1)
    except DataError as error:
        tell(f"{PROGRAM}: without test images: {error}")
        dataset = None
    several = len(parts) > 1
    path = request.output or (Path("merged-report.html") if several else request.folder[0] / PAGE)
    page = render(parts, dataset)
    try:
        write_atomically(path, page)
    except OSError as error:
        raise UsageError(
            f"--output {path}: cannot be written ({error.strerror}); choose another file."
        ) from None
    return path


def main() -> int:
    """The command; returns the exit status."""
    return run_program(PROGRAM, draw)


def draw() -> int:
    """Do what the command line asks for; returns 0."""
    request = parse_flags(Request, PROGRAM)
    path = redraw(request)
    say(make_console(), f"Written: {path}")
    if request.open:
        open_in_browser(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
