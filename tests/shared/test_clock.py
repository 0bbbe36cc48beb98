"""The phase ledger adds up, on a clock that the tests turn by hand."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import clock as module
from shared.clock import PHASES, Clock

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

STARTUP = 3.0


class Hand:
    """The clock's hand: it moves only when told, and notes what is done in which order."""

    def __init__(self) -> None:
        self.now = 100.0
        self.log: list[str] = []

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> float:
        self.log.append("read")
        return self.now


def make_clock(patch: pytest.MonkeyPatch) -> tuple[Clock, Hand]:
    """A clock on a hand of its own, of a process that took STARTUP seconds to start."""
    hand = Hand()
    process = SimpleNamespace(create_time=lambda: 5000.0)
    patch.setattr(
        module, "time", SimpleNamespace(perf_counter=hand.read, time=lambda: 5000.0 + STARTUP)
    )
    patch.setattr(module, "psutil", SimpleNamespace(Process=lambda: process))
    return Clock(), hand


@pytest.fixture
def clock_and_hand(monkeypatch):
    return make_clock(monkeypatch)


def booked(clock: Clock) -> dict[str, float]:
    """The phases that took any time."""
    return {phase: seconds for phase, seconds in clock.seconds.items() if seconds}


def test_startup_is_a_phase(clock_and_hand):
    clock, _ = clock_and_hand
    assert tuple(clock.seconds) == PHASES
    assert booked(clock) == {"start": STARTUP}
    assert clock.wall_seconds() == STARTUP


def test_a_real_clock_starts_with_the_process():
    clock = Clock()
    # This process has run for a while, and not since 1970.
    assert 0.05 < clock.seconds["start"] == clock.wall_seconds() < 1e6


def test_time_is_booked_to_its_phase(clock_and_hand):
    clock, hand = clock_and_hand
    hand.pass_time(1)
    with clock.phase("data") as loading:
        hand.pass_time(2)
    hand.pass_time(4)
    with clock.phase("build") as building:
        hand.pass_time(8)
    with clock.phase("data") as again:
        hand.pass_time(16)
    hand.pass_time(32)
    clock.switch("other")
    assert booked(clock) == {"start": STARTUP + 1, "data": 18, "build": 8, "other": 4 + 32}
    assert clock.wall_seconds() == STARTUP + 63
    assert (loading.seconds, building.seconds, again.seconds) == (2, 8, 16)


def test_nested_phases_interrupt_each_other(clock_and_hand):
    clock, hand = clock_and_hand
    with clock.phase("train") as training:
        hand.pass_time(1)
        with clock.phase("evaluate") as evaluating:
            hand.pass_time(2)
            with clock.phase("data"):
                hand.pass_time(4)
            hand.pass_time(8)
        hand.pass_time(16)
    assert booked(clock) == {"start": STARTUP, "train": 17, "evaluate": 10, "data": 4}
    # A stopwatch shows the whole block, with what happened inside of it.
    assert (training.seconds, evaluating.seconds) == (31, 14)


def test_switch_tells_what_ended(clock_and_hand):
    clock, hand = clock_and_hand
    assert clock.switch("import") == "start"
    hand.pass_time(1)
    assert clock.switch("other") == "import"
    assert booked(clock) == {"start": STARTUP, "import": 1}


def test_a_phase_that_fails_is_booked_too(clock_and_hand):
    clock, hand = clock_and_hand
    with pytest.raises(KeyboardInterrupt), clock.phase("train") as training:
        hand.pass_time(1)
        raise KeyboardInterrupt
    hand.pass_time(2)
    assert clock.switch("other") == "other"
    assert booked(clock) == {"start": STARTUP, "train": 1, "other": 2}
    assert training.seconds == 1


def test_a_first_step_that_fails_returns_to_the_phase_before(clock_and_hand):
    clock, hand = clock_and_hand
    with pytest.raises(RuntimeError), clock.phase("train"):
        for _ in clock.steps(range(3)):
            hand.pass_time(1)
            raise RuntimeError
    assert clock.switch("other") == "other"
    assert booked(clock) == {"start": STARTUP, "first_step": 1}
    assert clock.time_to_first_step is None


def test_the_first_step_is_booked_apart_and_only_once(clock_and_hand):
    clock, hand = clock_and_hand
    for epoch in range(2):
        with clock.phase("train") as training:
            hand.pass_time(1)
            seen = []
            for batch in clock.steps("abc"):
                seen.append(batch)
                hand.pass_time(10 if epoch == 0 and batch == "a" else 2)
            assert seen == ["a", "b", "c"]
            hand.pass_time(0.5)
        assert training.seconds == (15.5 if epoch == 0 else 7.5)
        hand.pass_time(100)
        clock.switch("other")
    assert booked(clock) == {"start": STARTUP, "first_step": 10, "train": 5.5 + 7.5, "other": 200}
    assert clock.time_to_first_step == STARTUP + 1 + 10


def test_the_first_batch_belongs_to_the_first_step(clock_and_hand):
    clock, hand = clock_and_hand

    def batches():
        for _ in range(2):
            hand.pass_time(4)
            yield

    with clock.phase("train"):
        for _ in clock.steps(batches()):
            hand.pass_time(1)
    assert booked(clock) == {"start": STARTUP, "first_step": 5, "train": 5}


def test_steps_that_are_told_by_hand(clock_and_hand):
    clock, hand = clock_and_hand
    with clock.phase("train"):
        clock.switch("first_step")
        hand.pass_time(7)
        clock.step_done()
        hand.pass_time(2)
        clock.step_done()
    assert clock.time_to_first_step == STARTUP + 7
    assert booked(clock) == {"start": STARTUP, "first_step": 7, "train": 2}


def test_a_group_of_steps_is_told_with_their_number(clock_and_hand):
    clock, _ = clock_and_hand
    told = []
    clock.after_step = told.append
    clock.begin_steps()
    clock.step_done(32)
    clock.step_done()
    assert told == [32, 1]


def test_spans_take_the_first_step_alone_and_then_all_the_rest(clock_and_hand):
    clock, hand = clock_and_hand
    spans = []
    for _ in range(2):
        with clock.phase("train"):
            for span in clock.spans(5):
                spans.append(span)
                hand.pass_time(3)
    assert spans == [(0, 1), (1, 5), (0, 5)]
    assert booked(clock) == {"start": STARTUP, "first_step": 3, "train": 6}


def test_spans_are_short_while_somebody_watches(clock_and_hand):
    clock, _ = clock_and_hand
    told = []
    clock.after_step = told.append
    assert list(clock.spans(6)) == [(0, 1), (1, 4), (4, 6)]
    assert list(clock.spans(0)) == []
    assert list(clock.spans(4)) == [(0, 3), (3, 4)]
    assert told == [1, 3, 2, 3, 1]


def test_reading_does_not_change_the_phase(clock_and_hand):
    clock, hand = clock_and_hand
    with clock.phase("train"):
        hand.pass_time(2)
        assert clock.read() == STARTUP + 2
        hand.pass_time(1)
    assert booked(clock) == {"start": STARTUP, "train": 3}


def test_after_step_is_called_after_every_step(clock_and_hand):
    clock, _ = clock_and_hand
    events = []
    clock.after_step = lambda steps: events.append(f"after {events[-1]}" * steps)
    for epoch in (1, 2):
        for batch in clock.steps((1, 2)):
            events.append(f"{epoch}.{batch}")
    names = ("1.1", "1.2", "2.1", "2.2")
    assert events == [text for name in names for text in (name, f"after {name}")]


def test_steps_are_watched_only_as_long_as_it_matters(clock_and_hand):
    clock, hand = clock_and_hand
    watched = []
    with clock.phase("train"):
        for _ in clock.steps(range(3)):
            watched.append(clock.watches_steps)
            readings = len(hand.log)
    assert watched == [True, False, False]
    # No reading after the last step but the one that ends the phase: reading waits for the device.
    assert len(hand.log) == readings + 1
    clock.after_step = lambda steps: None
    assert clock.watches_steps


def test_the_device_is_awaited_before_each_reading(clock_and_hand):
    clock, hand = clock_and_hand
    hand.log.clear()
    clock.synchronize = lambda: hand.log.append("wait")
    with clock.phase("train"):
        for _ in clock.steps(range(2)):
            pass
    clock.switch("other")
    assert len(hand.log) >= 8
    assert hand.log == ["wait", "read"] * (len(hand.log) // 2)


def test_waiting_counts_for_the_phase_that_caused_it(clock_and_hand):
    clock, hand = clock_and_hand
    with clock.phase("evaluate") as evaluating:
        clock.synchronize = lambda: hand.pass_time(5)
    clock.synchronize = lambda: None
    assert evaluating.seconds == 5
    assert booked(clock) == {"start": STARTUP, "evaluate": 5}


SWITCHES = st.lists(st.tuples(st.sampled_from(PHASES), st.integers(0, 1000)))


@given(switches=SWITCHES)
@REPEATABLE
def test_any_order_of_phases_adds_up(switches):
    with pytest.MonkeyPatch.context() as patch:
        clock, hand = make_clock(patch)
        expected = dict.fromkeys(PHASES, 0.0) | {"start": STARTUP}
        started = hand.now
        for phase, eighths in switches:
            clock.switch(phase)
            hand.pass_time(eighths / 8)
            expected[phase] += eighths / 8
        clock.switch("other")
    # Eighths of a second add up without rounding.
    assert clock.seconds == expected
    assert clock.wall_seconds() == STARTUP + hand.now - started


@given(depths=st.lists(st.sampled_from(PHASES), max_size=6), seconds=st.floats(0, 1e3))
@REPEATABLE
def test_any_nesting_adds_up(depths, seconds):
    with pytest.MonkeyPatch.context() as patch:
        clock, hand = make_clock(patch)
        started = hand.now

        def nest(names: list[str]) -> None:
            hand.pass_time(seconds)
            if names:
                with clock.phase(names[0]):
                    nest(names[1:])
            hand.pass_time(seconds)

        nest(depths)
        assert clock.switch("other") == ("other" if depths else "start")
    assert math.isclose(clock.wall_seconds(), STARTUP + hand.now - started, rel_tol=1e-12)


def test_each_phase_is_announced_when_it_first_begins(monkeypatch):
    clock, hand = make_clock(monkeypatch)
    told = []
    clock.announce = lambda phase: told.append((phase, hand.now))
    for phase in ("import", "train", "first_step", "train", "evaluate", "train", "evaluate"):
        clock.switch(phase)
        hand.pass_time(1.0)
    with clock.phase("save"):
        hand.pass_time(1.0)
    expected = ["import", "train", "first_step", "train", "evaluate", "save"]
    assert [phase for phase, _ in told] == expected
    clock.read()
    assert (clock.seconds["train"], clock.seconds["evaluate"]) == (3.0, 2.0)
