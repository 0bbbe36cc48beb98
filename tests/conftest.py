"""Fixtures that several modules share."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.browser import Visitor, chromium
from tests.support.warm import WarmProcess, warm_processes


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
