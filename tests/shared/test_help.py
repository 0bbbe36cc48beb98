"""`--help` of every command: all of it, in groups, at any width, with words left whole."""

import re
import shlex
from dataclasses import dataclass
from importlib import import_module

import pytest

import comparison.plan
from commands.entry import COMMANDS, requests_of
from shared import help as help_page
from shared.complaints import fields_of, flags_of, is_positional
from shared.config import TrainConfig
from shared.flags import Flag, Repeatable, parse_flags
from shared.registry import IMPLEMENTATIONS
from tests.support.commands import ROOT, split
from tests.support.terminals import COLOURS, ESCAPE, WIDTHS, assert_fits, run_in_terminal

# Those whose modules have a Request.
MODULES = (
    *("report", "study", "commands.tensorboard", "benchmarks.faults"),
    *(
        f"benchmarks.{path.stem}"
        for path in sorted((ROOT / "benchmarks").glob("*.py"))
        if "class Request" in path.read_text()
    ),
)

# The dataclass of each command's flags, by what stands behind `python`.
REQUESTS: dict[str, type] = {
    "compare.py": comparison.plan.Request,
    **{
        f"-m {name}_impl {command}": request
        for name in IMPLEMENTATIONS
        for command, request in requests_of(name).items()
    },
}

PROGRAMS = (*REQUESTS, *(f"-m {name}_impl" for name in IMPLEMENTATIONS))


def request_of(program: str) -> type:
    """The dataclass of a program's flags."""
    if program in REQUESTS:
        return REQUESTS[program]
    module = program.removeprefix("-m ")
    if module in MODULES:
        name = module if module.count(".") else f"{module}.__main__"
        return import_module("benchmarks.faults.__main__" if "faults" in name else name).Request
    return requests_of(module.removesuffix("_impl"))["train"]


ALL = (*PROGRAMS, *(f"-m {name}" for name in MODULES))


def page(program: str, width: int) -> str:
    """The help as a log gets it."""
    return help_page.render(request_of(program), f"python {program}", width=width)


def words_of(text: str) -> list[str]:
    """All but the marks of a command that goes on in the next line."""
    return [word for word in text.split() if word != "\\"]


@pytest.mark.parametrize("program", ALL)
def test_at_any_width_the_words_are_the_same_and_the_lines_fit(program):
    pages = {width: page(program, width) for width in (*WIDTHS, 200)}
    for width, text in pages.items():
        assert_fits(text, min(width, help_page.WIDEST))
        assert words_of(text) == words_of(pages[100])
    assert pages[60] != pages[100] == pages[200]


@pytest.mark.parametrize("program", ALL)
def test_every_flag_is_explained_once_and_every_default_too(program):
    request, text = request_of(program), page(program, 100)
    for flag in flags_of(request):
        assert len(re.findall(rf"^  (?:\S+, )?{flag}(?:,| |$)", text, re.MULTILINE)) == 1, flag
    entries = re.split(r"\n(?=  \S)", text.partition("\n\nExamples:")[0])
    for entry in entries[1:]:
        sentences = " ".join(entry.split())
        assert len(re.findall(r"Default:|\(default\)|[Bb]y default", sentences)) <= 1, sentences
        assert sentences.endswith((".", ":")), sentences
    assert "None" not in text
    assert "__" not in text


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_flags_of_the_commands_stand_in_groups(program):
    grouped = {name for names in help_page.GROUPS.values() for name in names}
    for item, hint, _ in fields_of(request_of(program)):
        assert item.name in grouped or is_positional(hint), item.name
    assert "Options:" not in page(program, 80)


def test_no_group_names_a_flag_that_there_is_not_or_one_twice():
    grouped = [name for names in help_page.GROUPS.values() for name in names]
    known = {item.name for program in ALL for item, _, _ in fields_of(request_of(program))}
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= known


@pytest.mark.parametrize("program", ALL)
def test_every_example_is_understood(program):
    request = request_of(program)
    examples = getattr(request, "examples", ())
    assert examples or program not in PROGRAMS
    for words, does in examples:
        assert isinstance(parse_flags(request, "program", shlex.split(words)), request)
        assert does
        shown = page(program, 60).replace(" \\\n     ", "")
        assert f"  python {program} {words}".rstrip() + "\n" in shown


@pytest.mark.parametrize("program", ALL)
def test_in_a_terminal(program, tmp_path):
    width = WIDTHS[ALL.index(program) % len(WIDTHS)]
    colour = [*COLOURS][ALL.index(program) % 2 * 2]
    words = (*split(program), "--help")
    status, text = run_in_terminal(*words, cwd=tmp_path, width=width, **COLOURS[colour])
    assert status == 0
    assert_fits(text, width)
    assert ("\x1b[" in text) == (colour == "plain")
    plain = ESCAPE.sub("", text)
    assert plain.startswith("usage: python ")
    assert words_of(page(program, 100))[-5:] == words_of(plain)[-5:]
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Example:
    """Say how it is done."""

    config: TrainConfig
    quick: Flag = False
    """Do it quickly."""
    again: Repeatable = ()
    """Do this as well."""
    share: float = 0.25
    """Do X of it."""


def test_how_flags_are_spelled():
    text = help_page.render(Example, "python it", width=100)
    assert "usage: python it [FLAGS]\n\nSay how it is done.\n\nOptions:\n" in text
    for line in (
        "--quick                   Do it quickly.",
        "--again TEXT              Do this as well. May be repeated.",
        "--share X                 Do X of it. Default: 0.25.",
        "--hidden N ...            Units in each hidden layer. Default: 128 64.",
        "--optimizer NAME          Optimizer that updates the weights. Choices: adam (default), ",
    ):
        assert f"\n  {line}" in text


def test_the_commands_come_first():
    commands = requests_of("pytorch")
    text = help_page.render(commands["train"], "python it", commands, 100)
    places = [text.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert places[-1] < text.index("\nRun:")
