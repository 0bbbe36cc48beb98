"""The tests that take longest are known by name, stay with what they share, and come first."""

import ast
from types import SimpleNamespace

import pytest
from xdist.scheduler.loadgroup import LoadGroupScheduling

from tests.support.commands import ROOT
from tests.support.durations import SLOW, arrange


def functions(path: str) -> set[str]:
    """The names of all functions that a file under tests/ defines."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", SLOW)
def test_what_is_named_slow_exists(path):
    assert SLOW[path].keys() <= functions(path) | functions("conftest.py")


class Item(SimpleNamespace):
    """As much of a collected test as matters for the order."""

    def __init__(self, path: str, name: str, fixtures: tuple[str, ...] = (), **params: str) -> None:
        super().__init__(
            path=ROOT / "tests" / path,
            originalname=name,
            nodeid=f"{path}::{name}{list(params.values())}",
            fixturenames=fixtures,
            callspec=SimpleNamespace(params=params),
            marks=[],
        )

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None

    def add_marker(self, mark: object) -> None:
        self.marks.append(mark if isinstance(mark, str) else mark.args[0])


def test_the_longest_come_first_and_stay_together(monkeypatch):
    times = {"a.py": {"shared": 4, "test_alone": 3, "test_both": 2}, "b.py": {"each": 5}}
    monkeypatch.setattr("tests.support.durations.SLOW", times)
    items = [
        Item("a.py", "test_quick"),
        Item("a.py", "test_reading", ("shared",)),
        Item("a.py", "test_alone", which="first"),
        Item("a.py", "test_both", ("shared",)),
        Item("b.py", "test_of_each", ("each",), each="one"),
        Item("b.py", "test_of_each", ("each",), each="other"),
    ]
    quick, reading, alone, both, one, other = items
    arrange(items)
    assert items == [reading, both, one, other, alone, quick]
    assert [item for item in items if "slow" in item.marks] == items[:-1]
    unit = {item.nodeid: item.marks[-1] for item in items}
    assert unit[reading.nodeid] == unit[both.nodeid]
    assert len(set(unit.values())) == 5
    # As xdist understands it.
    split = LoadGroupScheduling._split_scope
    shared = [item.nodeid for item in (reading, both, one)]
    assert all(split(None, f"{name}@{unit[name]}") == unit[name] for name in shared)


def test_xdist_sees_the_groups(request):
    if not request.config.getoption("loadgroup", False):
        pytest.skip("not run by xdist in groups")
    assert request.node.nodeid.endswith("@test_order.py")
