"""Every note of the side-by-side page that claims something of a framework is checked there.

Each framework is asked once, in a process of its own, by tests/support/notes.
"""

import json

import pytest

from study.twins import read_notes
from tests.support.commands import ROOT
from tests.support.notes.registry import Checks
from tests.support.notes.unchecked import NEEDS_A_GPU, NEEDS_A_PROCESS, OUR_CODE

SIDES = ("pytorch", "tensorflow", "numpy")


def written() -> dict[str, set[str]]:
    """The keys of all notes, by side."""
    files = {file: about for file, about in read_notes().items() if isinstance(about, dict)}
    return {
        side: {
            f"{file} {name}: {part}"
            for file, about in files.items()
            for name, definition in about.items()
            if isinstance(definition, dict)
            for part in definition.get(side, {})
        }
        for side in (*SIDES, "both")
    }


def ask(warm, side: str, *arguments: str) -> dict:
    """What the checks of one framework say, from a process of its own with one thread."""
    done = warm(side).run("-m", "tests.support.notes", side, *arguments, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def answers(warm) -> dict[str, dict]:
    return {side: ask(warm, side) for side in SIDES}


@pytest.mark.parametrize("side", SIDES)
def test_what_the_notes_say_is_so(answers, side):
    assert answers[side]["failures"] == {}


def test_every_note_that_claims_something_has_a_check(answers):
    notes = written()
    checked = {side: set(answers[side]["checked"]) & notes[side] for side in SIDES}
    # Of both twins, a note has a check in each.
    twins = set(answers["pytorch"]["checked"]) & set(answers["tensorflow"]["checked"])
    checked["both"] = twins & notes["both"]
    for side, keys in notes.items():
        lists = [table.get(side, set()) for table in (OUR_CODE, NEEDS_A_GPU, NEEDS_A_PROCESS)]
        listed = set().union(*lists)
        assert sum(map(len, lists)) == len(listed), "listed twice"
        assert keys - checked[side] - listed == set(), f"{side}: no check"
        assert listed & checked[side] == set(), f"{side}: listed, and checked after all"
        assert listed - keys == set(), f"{side}: listed, and not among the notes"


@pytest.mark.parametrize("side", SIDES)
def test_every_check_is_of_a_note(answers, side):
    notes = written()
    assert set(answers[side]["checked"]) - notes[side] - notes["both"] == set()


@pytest.mark.parametrize("side", SIDES)
def test_checks_notice_a_framework_that_does_something_else(warm, side):
    said = ask(warm, side, "wrong")
    assert said["checked"]
    assert set(said["failures"]) == set(said["checked"])


def test_a_check_that_fails_is_told_with_its_notes():
    checks = Checks()

    @checks.of("a.py f: x", "a.py g: x")
    def it_is_so():
        raise ValueError("it is not")

    checks.of("a.py h: y")(lambda: None)
    assert checks.failures() == dict.fromkeys(
        ("a.py f: x", "a.py g: x"), "it_is_so: ValueError: it is not"
    )
