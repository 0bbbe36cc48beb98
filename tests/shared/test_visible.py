"""Text of unknown origin is shown in one line, of bounded length, and changes nothing else."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import UsageError
from shared.visible import LONGEST, LONGEST_WORD, spell_out, visible

SHOWN = {
    "plain": ("a name", "a name"),
    "other letters": ("Jürgen, 東京 ✓", "Jürgen, 東京 ✓"),
    "no UTF-8": (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
    "a colour": ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    "a title of the terminal": ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
    "lines": ("a\nb\r\tc\0", r"a\nb\r\tc\x00"),
    "from right to left": ("a\u202egnp.exe", r"a\u202egnp.exe"),
    "half a pair": ("\ud800", r"\ud800"),
    "another line": ("a\u2028b\x85", r"a\u2028b\x85"),
    "a path": (Path("a/b"), "a/b"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN)
def test_what_cannot_be_printed_is_escaped(text, shown):
    assert visible(text) == shown
    assert str(UsageError(str(text))) == shown


@given(text=st.text(st.characters(codec=None, exclude_categories=())), most=st.integers(10, 50))
@settings(derandomize=True, deadline=None)
def test_anything_becomes_printable(text, most):
    shown = visible(text, most)
    assert shown.isprintable()
    shown.encode()
    assert visible(shown, 10 * most) == shown


def test_the_ends_of_what_is_long_stay():
    name = f"first{'x' * 10**6}last"
    assert visible(name).startswith("first")
    assert visible(name).endswith("last")
    assert len(visible(name)) <= LONGEST_WORD
    assert len(visible("word " * 10**5)) <= LONGEST
    # A sentence keeps what is about the name.
    assert visible(f"Missing: {name} is not there.").endswith("last is not there.")


@dataclass(frozen=True)
class Facts:
    text: str
    path: Path | None = None
    parts: list["Facts"] = field(default_factory=list)
    by_name: dict[str, object] = field(default_factory=dict)
    pair: tuple[object, ...] = ()
    number: float = 0.5


def test_all_text_in_facts_is_spelled_out():
    odd, seen = "\x1b\udce9", r"\x1b\xe9"
    facts = Facts(odd, Path(odd), [Facts(odd)], {odd: [odd, 1]}, (odd, None))
    expected = Facts(seen, Path(seen), [Facts(seen)], {seen: [seen, 1]}, (seen, None))
    assert spell_out(facts) == expected
    assert spell_out(expected) == expected
