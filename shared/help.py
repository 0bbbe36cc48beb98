"""What `--help` prints: a command's flags in groups, made from the dataclass that they fill.

tyro's own help draws boxes around all flags in one list, with their types as Python has them.
"""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import tyro.conf
from tyro._docstrings import get_field_docstring

from shared.complaints import fields_of, flags_of_field, is_positional
from shared.streams import is_styled

# In this order; a flag that no group names, as those of one benchmark alone, stands before all.
GROUPS: dict[str, tuple[str, ...]] = {
    "Run": (
        *("variant", "preset", "alignment", "repeats", "ratio_precision", "verify", "verify_only"),
        *("attribute", "floor", "python"),
    ),
    "Data": (
        *("dataset", "data_dir", "offline", "split", "limit", "pixels", "pipeline", "validation"),
        *("sampling", "imbalance", "augment"),
    ),
    "Network": ("weights", "hidden", "activation", "batch_norm"),
    "Training": (
        *("epochs", "batch_size", "learning_rate", "optimizer", "momentum", "nesterov"),
        *("schedule", "schedule_epochs", "schedule_factor", "warmup_steps", "accumulate"),
        *("clip_norm", "labels", "class_weights", "seed"),
    ),
    "Regularization": ("dropout", "weight_decay", "label_smoothing", "patience", "min_delta"),
    "Hardware": ("device", "threads", "workers", "worker_timeout", "float_type", "precision"),
    "Checkpoints": ("checkpoint_dir", "checkpoint_steps", "resume"),
    "Output": (
        *("output_dir", "output", "format", "target_accuracy", "profile", "steps", "top", "draw"),
        *("terminal", "numpy", "details", "open"),
    ),
}

ARGUMENTS, OTHERS = "Arguments", "Options"

# How values are called, by their type.
METAVARS = {int: "N", float: "X", Path: "PATH", str: "TEXT"}

# How tyro marks a flag that can be given several times.
REPEATABLE = get_args(tyro.conf.UseAppendAction[tuple])[1]

# Longer lines are hard to read; a log has no width.
WIDEST, IN_A_LOG = 100, 80

# Where the texts begin; in a narrow terminal they stand beneath their flags.
COLUMN, NARROW, NARROW_COLUMN = 28, 80, 6

HELP = [("-h, --help", "Show this help and exit.")]


# Not parted from what follows, as a default's value.
KEPT = ":\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Explained:
    """An argument as `--help` shows it."""

    group: str
    spelled: str
    """As it is to be given: `--hidden N ...`."""
    text: str
    required: bool


def render(
    request: type,
    program: str,
    commands: Mapping[str, type] | None = None,
    width: int | None = None,
) -> str:
    """The help of a command.

    Args:
        request: the dataclass that its flags fill; `examples`, if it has some, are pairs of what
            stands behind the program's name and what that does; `sections` are further lists, by
            heading, of names and what they mean.
        program: how the command is called.
        commands: by name, of which the program does the first if none is named.
        width: columns of the terminal; by default those that there are.
    """
    columns = shutil.get_terminal_size((IN_A_LOG, 24)).columns if width is None else width
    width = min(columns, WIDEST)
    explained = [*_explain(request)]
    groups = {group: [each for each in explained if each.group == group] for group in _headings()}
    sections = [_usage(program, explained, commands, width), _paragraphs(request, width)]
    if commands:
        descriptions = {name: _first_paragraph(each) for name, each in commands.items()}
        first, *_ = commands
        descriptions[first] += " This is the default command; its flags follow."
        sections.append(_section("Commands", descriptions.items(), width))
    for heading, arguments in groups.items():
        if arguments:
            rows = [(each.spelled, each.text) for each in arguments]
            sections.append(_section(heading, rows, width))
        if heading == ARGUMENTS:
            # What the arguments, or the first flags, may be.
            for title, rows in getattr(request, "sections", {}).items():
                told = [(name, f"{text[0].upper()}{text[1:]}.") for name, text in rows]
                sections.append(_section(title, told, width))
    sections.append(_section("Help", HELP, width))
    if examples := getattr(request, "examples", ()):
        rows = [(_continued(f"{program} {words}", width), does) for words, does in examples]
        sections.append(_section("Examples", rows, width, NARROW_COLUMN))
    return "\n\n".join(sections)


def _headings() -> tuple[str, ...]:
    return ARGUMENTS, OTHERS, *GROUPS


def _usage(program: str, explained: Sequence[Explained], commands: object, width: int) -> str:
    """The first line: what must be given, and what may."""
    words = [each.spelled for each in explained if each.required]
    words += [each.spelled for each in explained if each.group == ARGUMENTS and not each.required]
    line = " ".join([program, *(["[COMMAND]"] if commands else []), *words, "[FLAGS]"])
    return _wrap(line, width, "usage: ", " " * 7)


def _paragraphs(request: type, width: int) -> str:
    """What the command does."""
    paragraphs = (request.__doc__ or "").split("\n\n")
    return "\n\n".join(_wrap(each, width) for each in paragraphs)


def _first_paragraph(request: type) -> str:
    return " ".join((request.__doc__ or "").partition("\n\n")[0].split())


def _section(heading: str, rows: Any, width: int, column: int = COLUMN) -> str:
    """A heading, and beneath it each name with its text beside it, or where that is too narrow
    beneath it."""
    column = column if width >= NARROW else NARROW_COLUMN
    lines = [_strong(f"{heading}:")]
    for name, text in rows:
        start = f"  {name}"
        if len(start) + 2 > column:
            lines.append(start)
            start = ""
        lines.append(_wrap(text, width, start.ljust(column), " " * column))
    return "\n".join(lines)


def _wrap(text: str, width: int, start: str = "", indent: str = "") -> str:
    """Wrapped at words; no word is cut, nor parted at a hyphen."""
    lines = textwrap.wrap(
        " ".join(text.split()).replace(": ", KEPT),
        width,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(KEPT, ": ")


def _continued(command: str, width: int) -> str:
    """A command line, in several lines if it is too long for one."""
    lines = _wrap(command, width - len("   \\"), "", " " * (NARROW_COLUMN - 2))
    return lines.replace("\n", " \\\n  ")


def _strong(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if is_styled(sys.stdout) else text


def _explain(request: type) -> Iterator[Explained]:
    """Every argument of a dataclass, in the order of their groups."""
    found = {item.name: (item, hint, owner) for item, hint, owner in fields_of(request)}
    grouped = [name for names in GROUPS.values() for name in names]
    order = sorted(found, key=lambda name: grouped.index(name) if name in grouped else -1)
    homes = {name: group for group, names in GROUPS.items() for name in names}
    for name in order:
        item, hint, owner = found[name]
        positional = is_positional(hint)
        group = ARGUMENTS if positional else homes.get(name, OTHERS)
        required = item.default is MISSING and item.default_factory is MISSING
        yield Explained(group, _spell(item, hint), _describe(item, hint, owner), required)


def _spell(item: Field, hint: Any) -> str:
    """`--hidden N ...`; for a switch the flag alone, for a positional argument its value alone."""
    given = next((each.metavar for each in _settings(hint) if each.metavar), None)
    value = given or _metavar(_plain(hint), once_each=REPEATABLE in get_args(hint))
    if is_positional(hint):
        return value if given else item.name.upper()
    return f"{', '.join(flags_of_field(item, hint))} {value}".rstrip()


def _describe(item: Field, hint: Any, owner: type) -> str:
    """What it is for, what it may be, and what it is if it is not given."""
    told = next((each.help for each in _settings(hint) if each.help), None)
    text = " ".join((told or get_field_docstring(owner, item.name, ()) or "").split())
    default = _default(item)
    if choices := _choices(_plain(hint)):
        chosen = default if isinstance(default, tuple) else (default,)
        marks = (each + (" (default)" if each in chosen else "") for each in choices)
        all_chosen = len(choices) > 1 and set(choices) == set(chosen)
        listed = ", ".join(choices if all_chosen else marks)
        return f"{text} Choices: {listed}." + (" Default: all." if all_chosen else "")
    if item.default is item.default_factory:
        return text if is_positional(hint) else f"{text} Required."
    if REPEATABLE in get_args(hint):
        return f"{text} May be repeated."
    if "Default" in text or default is None or default is False or default == ():
        return text
    return f"{text} Default: {_show(default)}."


def _default(item: Field) -> Any:
    """What a field is if it is not given; None for one that must be."""
    if item.default_factory is not MISSING:
        return item.default_factory()
    return None if item.default is MISSING else item.default


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_show, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _settings(hint: Any) -> Iterator[Any]:
    """What `tyro.conf.arg` says of a field."""
    for each in get_args(hint)[1:]:
        if hasattr(each, "help_behavior_hint"):
            yield each


def _plain(hint: Any) -> Any:
    """The type without what is said to tyro, and without None."""
    inner = [each for each in get_args(hint) if each is not type(None)]
    if hasattr(hint, "__metadata__"):
        return _plain(inner[0])
    optional = type(None) in get_args(hint)
    return _plain(inner[0]) if optional else hint


def _choices(kind: Any) -> tuple[str, ...]:
    """The values of a Literal, or of a tuple of them."""
    if get_origin(kind) is tuple:
        return _choices(get_args(kind)[0])
    return get_args(kind) if get_origin(kind) is Literal else ()


def _metavar(kind: Any, *, once_each: bool = False) -> str:
    """`N ...` for several whole numbers; nothing for a switch.

    Args:
        kind: the type of the value.
        once_each: several values are given by as many flags.
    """
    if kind is bool:
        return ""
    if get_origin(kind) is tuple:
        return f"{_metavar(get_args(kind)[0])}{'' if once_each else ' ...'}"
    return "NAME" if get_origin(kind) is Literal else METAVARS[kind]
