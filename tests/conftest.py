"""Fixtures that several modules share."""

from collections.abc import Callable, Iterator

import pytest

from shared import plotting
from shared.datasets import Dataset
from tests.support.browser import Visitor, chromium
from tests.support.folders import make_dataset
from tests.support.warm import WarmProcess, warm_processes


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Fifty test images of noise, of each class five."""
    return make_dataset()


@pytest.fixture
def figures(monkeypatch):
    """The figures that would be saved, without the time that drawing takes."""
    kept = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: kept.append(figure))
    return kept


@pytest.fixture(scope="module")
def visit() -> Iterator[Visitor]:
    """A function that opens a file in a headless Chromium: `visit(path, width=1440, dark=False)`.

    Of a module only, so that no browser is left running while others measure time.
    """
    with chromium() as visitor:
        yield visitor


@pytest.fixture(scope="session")
def warm() -> Iterator[Callable[[str], WarmProcess]]:
    """A process of each implementation to run commands in: `warm("pytorch").run("-m", ...)`."""
    with warm_processes() as of:
        yield of
