"""`python -m study`: the twins as one page, `docs/side-by-side.html`, or as text."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from report.terminal import make_console
from shared.errors import UsageError
from shared.flags import Flag, parse_flags
from shared.results import write_atomically
from study.page import render_page
from study.pairing import SIGNS
from study.twins import ROOT, SIDES, TWINS, Chapter, Step, read_chapters

PAGE = ROOT / "docs" / "side-by-side.html"

PROGRAM = "python -m study"


@dataclass(frozen=True)
class Request:
    """Put PyTorch and TensorFlow next to each other, definition by definition, line by line."""

    terminal: Flag = False
    """Print the text instead of writing the page."""
    numpy: Flag = False
    """Print NumPy as a third column; in the page a box shows it."""
    check: Flag = False
    """Write nothing; exit with status 1 if the page is not what the code makes of it."""
    output: Path = PAGE
    """The page."""


def fulfil(request: Request) -> int:
    """Print, check or write what was asked for; returns the exit status.

    Raises:
        UsageError: the flags contradict each other, or the file cannot be written.
    """
    if request.numpy and not request.terminal:
        raise UsageError("--numpy: belongs to --terminal; in the page a box shows NumPy.")
    chapters = read_chapters()
    if request.terminal:
        print_chapters(chapters, tuple(SIDES) if request.numpy else TWINS, make_console())
        return 0
    page = render_page(chapters)
    if request.check:
        return check_page(request.output, page)
    try:
        write_atomically(request.output, page)
    except OSError as error:
        raise UsageError(
            f"--output {request.output}: cannot be written ({error.strerror}); choose another file."
        ) from None
    print(f"{request.output}: {len(page.encode()) / 1000:.0f} kB")
    return 0


def check_page(path: Path, page: str) -> int:
    """Exit status 0 if the file holds this page, else 1 after one sentence."""
    if path.exists() and path.read_text(encoding="utf-8") == page:
        return 0
    print(f"{path} is not what the code makes of it; run {PROGRAM}.", file=sys.stderr)
    return 1


def print_chapters(chapters: list[Chapter], sides: tuple[str, ...], console: Console) -> None:
    """Print every step that one of the sides has: its sentence, the lines, the notes."""
    for chapter in chapters:
        steps = [step for step in chapter.steps if set(step.sides) & set(sides)]
        if not steps:
            continue
        if chapter.part:
            console.rule(chapter.part, characters="═")
        console.rule(f"{chapter.file}: {chapter.title}", align="left")
        console.print(Text(chapter.sentence, style="italic"), "")
        code = {
            side: Syntax("", "python", background_color="default")
            .highlight("\n".join(lines))
            .split("\n", allow_blank=True)
            for side, lines in chapter.lines.items()
        }
        for step in steps:
            print_step(step, [side for side in sides if side in step.sides], code, console)


def print_step(step: Step, sides: list[str], code: dict[str, list[Text]], console: Console) -> None:
    """Print one step; a line's number refers to the notes beneath, its sign is as in SIGNS."""
    console.print(Text(f"{step.key}: {step.sentence}"), "")
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True)
    for side in sides:
        table.add_column("", justify="right", style="dim", width=3)
        table.add_column(SIDES[side], ratio=1, overflow="fold")
    for place, (row, kinds) in enumerate(zip(step.rows, step.kinds, strict=True)):
        if all(row.get(side) is None for side in sides):
            continue
        cells: list[str | Text] = []
        for side in sides:
            numbers = [str(note.number) for note in step.notes_at(place, side)]
            index = row.get(side)
            cells.append(" ".join([*numbers, SIGNS[kinds.get(side, "equal")]]))
            cells.append("" if index is None else code[side][index])
        table.add_row(*cells)
    console.print(table)
    if step.instead and sides != list(TWINS):
        console.print(step.instead)
    for note in step.notes:
        if note.side in (*sides, "both"):
            who = "Both" if note.side == "both" else SIDES[note.side]
            console.print(Text(f"{note.number:3} {who}: {note.text}"))
    console.print()


def main() -> int:
    """Run the command; returns the exit status."""
    try:
        return fulfil(parse_flags(Request, PROGRAM))
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
