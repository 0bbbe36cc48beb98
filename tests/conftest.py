"""Fixtures that several modules share, and the order in which tests are run."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from report import plotting
from shared import interrupts
from shared.datasets import Dataset
from tests.support import commands, durations
from tests.support.browser import Visitor, chromium
from tests.support.commands import ColdProcess, WarmProcess
from tests.support.folders import make_dataset


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several workers cores of its own, so that no two share one's threads."""
    known = getattr(config, "workerinput", None)
    if known and hasattr(os, "sched_setaffinity"):
        number, workers = int(known["workerid"].removeprefix("gw")), known["workercount"]
        cores = sorted(os.sched_getaffinity(0))
        if workers <= len(cores):
            os.sched_setaffinity(0, cores[number::workers])


# Before tests are chosen by their marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, keep together what shares a fixture, and begin with what takes longest."""
    durations.arrange(items)


def pytest_sessionfinish() -> None:
    """Stop the processes that commands were run in."""
    for process in commands.started:
        process.end()


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """Fifty test images of noise, of each class five."""
    return make_dataset()


@pytest.fixture
def figures(monkeypatch):
    """The figures that would be saved, without the time that drawing takes."""
    kept = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: kept.append(figure))
    return kept


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Signals interrupt as they do in a command; afterwards nothing is known of them."""
    before = {each: signal.getsignal(each) for each in interrupts.SIGNALS}
    # Whoever runs the tests in the background may have told them to ignore Ctrl-C.
    for each in interrupts.SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    interrupts.listen()
    yield
    interrupts.listen()
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.fixture(scope="module")
def visit() -> Iterator[Visitor]:
    """A function that opens a file in a headless Chromium: `visit(path, width=1440, dark=False)`.

    Of a module only, so that no browser is left running while others measure time.
    """
    with chromium() as visitor:
        yield visitor


@pytest.fixture(scope="session")
def warm() -> Callable[[str], WarmProcess | ColdProcess]:
    """A process of each implementation to run commands in: `warm("pytorch").run("-m", ...)`."""
    return commands.warm
