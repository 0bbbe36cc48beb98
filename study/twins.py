"""The twins as one text: their definitions in reading order, aligned line by line, with notes."""

import ast
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path

from shared.errors import UsageError
from shared.registry import IMPLEMENTATIONS, LABELS, TWINS
from study.pairing import Names, Row, align, kinds_of

ROOT = Path(__file__).resolve().parent.parent

NOTES = ROOT / "docs" / "side_by_side.toml"

LEDGER = ROOT / "docs" / "DIFFERENCES.md"

# The frameworks' names, in the order of the columns.
SIDES = LABELS

# The part of a file above its first definition.
HEAD = "imports"

# Where a part of a script begins, and its name.
SECTION = re.compile(r"# \d+\. (\w+)")


@dataclass
class Note:
    """What to know about one line; `side` is `both` where the twins' lines are alike."""

    number: int
    side: str
    row: int
    text: str


@dataclass
class Step:
    """One definition, the head of a file or a script's section, on all the sides that have it."""

    file: str
    name: str
    sentence: str
    instead: str
    rows: list[Row]
    kinds: list[dict[str, str]]
    notes: list[Note]

    @property
    def key(self) -> str:
        return f"{self.file.removesuffix('.py')}.{self.name}"

    def notes_at(self, place: int, side: str) -> list[Note]:
        """The notes at a side's line in a row."""
        return [note for note in self.notes if note.row == place and note.side in (side, "both")]

    def present(self, places: list[int], side: str) -> list[int]:
        """Those of the rows that have a line of this side."""
        return [place for place in places if self.rows[place].get(side) is not None]

    @property
    def sides(self) -> list[str]:
        return [side for side in SIDES if any(row.get(side) is not None for row in self.rows)]


@dataclass
class Chapter:
    """One file on all the sides that have it; `part` is the heading above, if one begins here."""

    file: str
    title: str
    part: str
    sentence: str
    lines: dict[str, list[str]]
    docstrings: dict[str, set[int]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def units(self, step: Step) -> list[list[int]]:
        """A step's rows one by one, but those together that are only more of a docstring."""

        def is_more(place: int) -> bool:
            lines = [(side, k) for side, k in step.rows[place].items() if k is not None]
            return all(k in self.docstrings[side] for side, k in lines)

        units: list[list[int]] = []
        for more, places in groupby(range(len(step.rows)), is_more):
            run = list(places)
            units += [run] if more else [[place] for place in run]
        return units


def read_chapters() -> list[Chapter]:
    """The files in the order of the notes, which is the reading order.

    Raises:
        UsageError: a file or definition has no sentence, or a note fits no line.
    """
    notes = read_notes()
    names = Names(notes.pop("counterparts") + notes.pop("own_names"))
    present = {file for side in SIDES for file in files_of(side)}
    insist_on_same(present, set(notes), "files")
    return [read_chapter(file, about, names) for file, about in notes.items()]


def folder_of(side: str) -> Path:
    """Where one side's code lies."""
    return ROOT / IMPLEMENTATIONS[side][0].package


def files_of(side: str) -> list[str]:
    """One side's files that define something, relative to its folder: `techniques/loss.py`."""
    folder = folder_of(side)
    paths = [path for path in folder.rglob("*.py") if path.name != "__init__.py"]
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def read_notes() -> dict:
    """What docs/side_by_side.toml says; its first lines describe it."""
    return on_one_line(tomllib.loads(NOTES.read_text(encoding="utf-8")))


def on_one_line(entries: dict) -> dict:
    """The same with every text on one line, however the file breaks it."""
    joined: dict = {}
    for key, value in entries.items():
        if isinstance(value, dict):
            joined[key] = on_one_line(value)
        else:
            joined[key] = " ".join(value.split()) if isinstance(value, str) else value
    return joined


def read_chapter(file: str, about: dict, names: Names) -> Chapter:
    """One file's definitions with what the notes say about them."""
    paths = {side: folder_of(side) / file for side in SIDES}
    sources = {side: path.read_text("utf-8") for side, path in paths.items() if path.exists()}
    lines = {side: source.splitlines() for side, source in sources.items()}
    parts = {side: definitions(source) for side, source in sources.items()}
    order = merge([list(parts[side]) for side in parts])
    docstring = ast.get_docstring(ast.parse(next(iter(sources.values())))) or ""
    title = re.split(r"\.\s|\.$|\n", docstring)[0]
    insist_on_same({"sentence", *order}, {*about} - {"part"}, f"definitions in {file}")
    docstrings = {side: more_of_docstrings(source) for side, source in sources.items()}
    chapter = Chapter(file, title, about.get("part", ""), about["sentence"], lines, docstrings)
    for name in order:
        ranges = {side: parts[side][name] for side in parts if name in parts[side]}
        alone = len(ranges.keys() & {*TWINS}) == 1
        insist_on_same(
            {"sentence", "instead"} if alone else {"sentence"},
            {*about[name]} - {"both", *SIDES},
            f"keys for {name} in {file}",
        )
        rows = align(lines, ranges, names)
        kinds = [kinds_of(row, lines, names, TWINS) for row in rows]
        notes = place_notes(f"{file}, {name}", about[name], rows, lines)
        instead = about[name].get("instead", "")
        chapter.steps.append(Step(file, name, about[name]["sentence"], instead, rows, kinds, notes))
    return chapter


def insist_on_same(code: set[str], notes: set[str], what: str) -> None:
    """Raise UsageError unless the notes are about what is in the code, and about all of it."""
    if missing := code - notes:
        complain(f"nothing is said about the {what}: {', '.join(sorted(missing))}")
    if stale := notes - code:
        complain(f"there are no such {what}: {', '.join(sorted(stale))}")


def complain(what: str) -> None:
    raise UsageError(f"docs/{NOTES.name}: {what}; add, rename or remove it there.")


def definitions(source: str) -> dict[str, range]:
    """Line indices of a file's head and of each of its functions and classes, in order.

    A script that numbers its sections is cut at these instead: `# 1. data`.
    """
    lines = source.splitlines()
    sections = {found[1]: k for k, line in enumerate(lines) if (found := SECTION.match(line))}
    starts = {HEAD: 0, **(sections or starts_of_definitions(source))}
    ends = [*list(starts.values())[1:], len(lines)]
    return {
        name: range(start, max(k for k in range(start, end) if lines[k].strip()) + 1)
        for (name, start), end in zip(starts.items(), ends, strict=True)
    }


def starts_of_definitions(source: str) -> dict[str, int]:
    """The first line of each function and class, with its decorators and the comment above it."""
    lines = source.splitlines()
    starts = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            start = min(each.lineno for each in (node, *node.decorator_list)) - 1
            while lines[start - 1].startswith("#"):
                start -= 1
            starts[node.name] = start
    return starts


def more_of_docstrings(source: str) -> set[int]:
    """Indices of all lines of docstrings but their first ones."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        kinds = ast.Module | ast.FunctionDef | ast.ClassDef
        if isinstance(node, kinds) and ast.get_docstring(node):
            text = node.body[0]
            found |= set(range(text.lineno, text.end_lineno or text.lineno))
    return found


def merge(orders: Iterable[list[str]]) -> list[str]:
    """All names once, each new one right behind the name that it follows in its own order."""
    merged: list[str] = []
    for order in orders:
        for place, name in enumerate(order):
            if name not in merged:
                behind = merged.index(order[place - 1]) + 1 if place else 0
                merged.insert(behind, name)
    return merged


def place_notes(
    where: str, about: dict, rows: list[Row], lines: dict[str, list[str]]
) -> list[Note]:
    """The notes of a step, each at the one row that its key is a part of, numbered by rows."""
    placed = []
    for side in (*SIDES, "both"):
        for part, text in about.get(side, {}).items():
            found = {
                s: [n for n, row in enumerate(rows) if part in text_at(row, s, lines)]
                for s in (TWINS if side == "both" else (side,))
            }
            hits = list(chain.from_iterable(found.values()))
            if len(hits) != len(found) or len(set(hits)) != 1:
                complain(f"{where}: {part!r} should be in one line of {side}, is in {len(hits)}")
            placed.append((hits[0], side, text))
    # One number a row, and the twins' first, so that none is missing while NumPy is hidden.
    of_twins = {row for row, side, _ in placed if side in (*TWINS, "both")}
    order = sorted({row for row, _, _ in placed}, key=lambda row: (row not in of_twins, row))
    placed.sort(key=lambda note: order.index(note[0]))
    return [Note(order.index(row) + 1, side, row, text) for row, side, text in placed]


def text_at(row: Row, side: str, lines: dict[str, list[str]]) -> str:
    """A side's line in a row; nothing where it has none."""
    index = row.get(side)
    return "" if index is None else lines[side][index]


def read_ledger() -> dict[str, tuple[str, dict[str, str]]]:
    """Title and cells (PyTorch, Keras, Here, How much, Pinned by) of each row, as Markdown."""
    ledger = LEDGER.read_text(encoding="utf-8")
    rows = re.findall(r"^## (DIFF-\d+): (.+)\n((?:(?!## ).*\n?)*)", ledger, re.MULTILINE)
    cell = re.compile(r"^- \*\*(.+?):\*\* ((?:.+\n?(?!- ))*)", re.MULTILINE)
    return {mark: (title, dict(cell.findall(body))) for mark, title, body in rows}
