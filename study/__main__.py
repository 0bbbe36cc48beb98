"""`python -m study`: the twins as one page, `build/side-by-side.html`, or as text."""

import re
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from report.terminal import broken_name, make_console, say
from shared.errors import UsageError
from shared.flags import Examples, Flag, parse_flags
from shared.program import run_program
from shared.results import write_atomically
from shared.streams import tell
from study.page import render_page
from study.pairing import SIGNS
from study.twins import ROOT, SIDES, TWINS, Chapter, Step, read_chapters

PAGE = ROOT / "build" / "side-by-side.html"

PROGRAM = "python -m study"

# As rich takes them when it wraps: with the blanks before them.
WORD = re.compile(r"\s*\S+")

# What stands before a line of code, with the blanks around it.
MARKS_WIDTH = 5

LEGEND = (
    "Beside the lines: ≈ differs in names only, ≠ differs, + is on this side alone; a number names "
    "a note below."
)


@dataclass(frozen=True)
class Request:
    """Show PyTorch and TensorFlow side by side, definition by definition, line by line.

    Writes one self-contained HTML page; neither framework has to be installed.
    """

    output: Path = PAGE
    """Page to write. Default: build/side-by-side.html in the project's folder."""
    open: Flag = False
    """Open the page in the browser."""
    terminal: Flag = False
    """Print the code in the terminal instead of writing a page."""
    numpy: Flag = False
    """With --terminal, print NumPy as a third column. The page has a checkbox for it."""

    examples: ClassVar[Examples] = (
        ("--open", "write the page and open it"),
        ("--terminal", "print it, two columns wide"),
    )


def fulfil(request: Request) -> int:
    """Print the text or write the page; returns the exit status.

    Raises:
        UsageError: the flags contradict each other, or the file cannot be written.
    """
    if request.numpy and not request.terminal:
        raise UsageError("--numpy: needs --terminal; in the page, a checkbox shows NumPy.")
    if request.open and request.terminal:
        raise UsageError("--open: cannot be combined with --terminal, which writes no page.")
    chapters = read_chapters()
    if request.terminal:
        print_chapters(chapters, tuple(SIDES) if request.numpy else TWINS, make_console())
        return 0
    page = render_page(chapters)
    try:
        if request.output == PAGE:
            PAGE.parent.mkdir(exist_ok=True)
        write_atomically(request.output, page)
    except OSError as error:
        raise UsageError(
            f"--output {request.output}: cannot be written ({error.strerror}); choose another file."
        ) from None
    say(make_console(), f"{request.output}: {len(page.encode()) / 1000:.0f} kB")
    if request.open and not webbrowser.open(request.output.resolve().as_uri()):
        tell("No browser could be opened: open the page by hand.")
    return 0


def print_chapters(chapters: list[Chapter], sides: tuple[str, ...], console: Console) -> None:
    """Print every step that one of the sides has: its sentence, the lines, the notes."""
    say(console, LEGEND, "")
    for chapter in chapters:
        steps = [step for step in chapter.steps if set(step.sides) & set(sides)]
        if not steps:
            continue
        if chapter.part:
            console.rule(chapter.part, characters="═")
        heading = Text(f"{chapter.file}: {chapter.title}")
        # A rule cuts a heading that is longer than itself.
        console.print(
            heading if cell_len(heading.plain) > console.width - 4 else Rule(heading, align="left")
        )
        console.print(Text(chapter.sentence, style="italic"), "")
        code = {side: highlight(lines) for side, lines in chapter.lines.items()}
        for step in steps:
            print_step(step, [side for side in sides if side in step.sides], code, console)


def highlight(lines: list[str]) -> list[Text]:
    """Each line of a Python file with the terminal's colours."""
    text = Syntax("", "python", background_color="default").highlight("\n".join(lines))
    return list(text.split("\n", allow_blank=True))


def print_step(step: Step, sides: list[str], code: dict[str, list[Text]], console: Console) -> None:
    """Print one step, its sides beneath each other where a word would not fit into its column."""
    console.print(Text(f"{step.key}: {step.sentence}"), "")
    longest = max(
        len(word)
        for row in step.rows
        for side in sides
        if (index := row.get(side)) is not None
        for word in WORD.findall(code[side][index].plain) or [""]
    )
    fits = longest <= console.width // len(sides) - MARKS_WIDTH
    for shown in [sides] if fits else [[side] for side in sides]:
        width = console.width // len(shown) - MARKS_WIDTH
        console.print(draw_step(step, shown, code, width))
    if step.instead and sides != list(TWINS):
        console.print(step.instead)
    for note in step.notes:
        if note.side in (*sides, "both"):
            who = "Both" if note.side == "both" else SIDES[note.side]
            console.print(Text(f"{note.number:3} {who}: {note.text}"))
    console.print()


def draw_step(step: Step, sides: list[str], code: dict[str, list[Text]], width: int) -> Table:
    """The lines of a step; a line's number refers to the notes beneath, its sign is as in SIGNS.

    Args:
        width: columns that there are for a line of one side.
    """
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
            cells.append("" if index is None else broken(code[side][index], width))
        table.add_row(*cells)
    return table


def broken(line: Text, width: int) -> Text:
    """A line whose words, where one is longer than all columns, are broken as names are."""
    places = []
    for word in WORD.finditer(line.plain):
        name = word[0].lstrip()
        place, indent = word.end() - len(name), len(word[0]) - len(name)
        for piece in broken_name(name, width - indent).split("\n")[:-1]:
            place += len(piece)
            places.append(place)
    return Text("\n").join(line.divide(places))


def main() -> int:
    """The command; returns the exit status."""
    return run_program(PROGRAM, lambda: fulfil(parse_flags(Request, PROGRAM)), prints_only=True)


if __name__ == "__main__":
    sys.exit(main())
