"""Fixtures that several modules share."""

from collections.abc import Iterator

import pytest

from tests.browser import Visitor, chromium


@pytest.fixture(scope="module")
def visit() -> Iterator[Visitor]:
    """A function that opens a file in a headless Chromium: `visit(path, width=1440, dark=False)`.

    Of a module only, so that no browser is left running while others measure time.
    """
    with chromium() as visitor:
        yield visitor
