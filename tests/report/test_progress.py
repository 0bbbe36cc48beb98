"""The line at a terminal's bottom: who does what, and since when; in a log, lines."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from report import progress as module
from report.progress import DOINGS, RunProgress, StatusLine, busy
from shared.clock import PHASES
from shared.config import TrainConfig
from tests.support.results import make_run, make_unfinished
from tests.support.terminals import assert_fits, lines_of

CONFIG = TrainConfig(epochs=3)
LONG = "tensorflow/compiled, batch size 1024, seed 3"


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


def console(width=80, stream=Screen):
    known = {"force_terminal": True, "color_system": None, "legacy_windows": False}
    return Console(file=stream(), width=width, **(known if stream is Screen else {}))


@pytest.fixture
def hand(monkeypatch):
    """The time, which passes only when it is told to."""
    hand = SimpleNamespace(now=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: hand.now))
    return hand


def test_every_phase_but_the_rest_has_words():
    assert set(DOINGS) == set(PHASES) - {"other"}


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize("title", ["numpy/reference", LONG])
def test_the_line_is_never_wider_than_the_terminal(title, width, dataset, hand):
    run = make_run("numpy/reference")
    with RunProgress(shown := console(width), CONFIG, dataset) as progress:
        progress.start(title)
        for phase in PHASES:
            progress.phase(phase)
            hand.now += 99
        progress.epoch(run.epochs[:1])
    assert_fits(shown.file.getvalue(), width)
    for words in ("first step and compilation, 0 s", "training\r", "epoch 1/3  91.00 %  5 s left"):
        assert words in shown.file.getvalue()


def test_seconds_are_counted_but_not_while_a_run_trains(hand):
    line = StatusLine(console())
    line.title = "pytorch/compiled"
    line.show(DOINGS["first_step"])
    hand.now += 12.2
    assert line._draw().plain == "pytorch/compiled  ──────────  first step and compilation, 12 s"
    line.show(DOINGS["train"], still=True)
    hand.now += 12.2
    assert line._draw().plain == "pytorch/compiled  ──────────  training"


def test_a_terminal_keeps_one_line_of_each_run_and_a_log_each_epoch(dataset):
    run = make_run("numpy/reference")
    failed = make_unfinished("numpy/reference", "failed", "It broke.")
    kept = {}
    for stream in (Screen, io.StringIO):
        with RunProgress(shown := console(80, stream), CONFIG, dataset) as progress:
            progress.start("one")
            for place in range(3):
                progress.epoch(run.epochs[: place + 1])
            progress.end(run)
            progress.start("two")
            progress.end(failed)
        kept[stream] = [line.rstrip() for line in lines_of(shown.file.getvalue()) if line.strip()]
    assert kept[Screen] == ["one  epoch 3  test 93.00 %  1,437 images/s", "two  failed"]
    first, *headings, one, two, three, start, end = kept[io.StringIO]
    assert (first, start, end) == ("one  starting", "two  starting", "two  failed")
    assert [line.split("  ")[1] for line in (one, two, three)] == [
        *("epoch 1/3", "epoch 2/3", "epoch 3/3"),
    ]
    assert headings[1].split()[:2] == ["loss", "accuracy"]


def test_a_run_that_is_alone_shows_each_epoch_without_its_name(dataset):
    run = make_run("numpy/reference")
    with RunProgress(shown := console(), CONFIG, dataset, alone=True) as progress:
        progress.start("numpy/reference")
        for place in range(3):
            progress.epoch(run.epochs[: place + 1])
    kept = [line for line in lines_of(shown.file.getvalue()) if line.startswith("epoch ")]
    assert [line.split("  ")[0] for line in kept] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


def test_what_takes_long_is_said_once_in_a_log():
    with busy(shown := console(80, io.StringIO), "verifying 2 runs"):
        pass
    assert shown.file.getvalue() == "Verifying 2 runs\n"


def test_what_a_log_need_not_say_is_said_in_a_terminal_alone():
    for stream in (Screen, io.StringIO):
        with busy(shown := console(80, stream), "importing PyTorch", logged=False) as line:
            line.show("measuring")
        said = shown.file.getvalue()
        assert ("importing PyTorch" in said, "measuring" in said) == ((stream is Screen),) * 2


def test_a_terminal_that_moves_no_cursor_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with busy(shown := console(), "verifying 2 runs"):
        pass
    assert shown.file.getvalue() == "Verifying 2 runs\n"


def test_the_line_is_drawn_again_every_second(monkeypatch):
    drawn = []
    line = StatusLine(console())
    monkeypatch.setattr(line.live, "refresh", lambda: drawn.append(line.still))
    waits = iter([False, False, True])
    monkeypatch.setattr(line.ended, "wait", lambda seconds: (seconds != 1) or next(waits))
    line.still = False
    line._tick()
    assert drawn == [False, False]
    waits = iter([False, False, True])
    line.still = True
    line._tick()
    assert drawn == [False, False]
