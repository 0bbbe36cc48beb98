"""The marks of axes: round, few, and never short of the last point."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from report import axes, plotting, series
from report.axes import MOST_MARKS
from tests.support.folders import make_dataset, swept
from tests.support.results import make_result, make_run

finite = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


@given(finite, finite)
def test_ticks_enclose_the_values(one, other):
    low, high = sorted((one, other))
    marks = axes.ticks(low, high)
    assert marks[0] <= low and high <= marks[-1]
    assert 2 <= len(marks) <= 8
    assert math.isclose(low, high) or (marks[1] > low and marks[-2] < high)


@given(st.floats(0, 1))
def test_an_axis_of_shares_ends_at_a_mark(low):
    marks = axes.ticks(low, 1.0)
    assert 1.0 in marks
    assert marks[-1] == 1.0 or math.isclose(low, 1.0)


@given(st.integers(0, 500), st.integers(1, 5000))
def test_whole_marks_are_few_and_reach_both_ends(first, count):
    xs = list(range(first, first + count))
    marks = axes.whole_marks(xs)
    assert (marks[0], marks[-1]) == (xs[0], xs[-1])
    assert len(marks) <= MOST_MARKS + 1
    assert all(one < other for one, other in pairwise(marks))


@given(st.integers(1, 100))
def test_spread_marks_are_few_and_reach_both_ends(count):
    xs = [2.0**k for k in range(count)]
    marks = axes.spread_marks(xs)
    assert (marks[0], marks[-1]) == (xs[0], xs[-1])
    assert len(marks) <= MOST_MARKS + 1
    assert marks == sorted(set(marks))


@pytest.mark.parametrize("epochs", [1, 2, 5, 12, 21, 300])
def test_the_axes_of_the_curves_reach_their_last_point(epochs, figures, tmp_path):
    run = make_run("pytorch/eager", epochs=epochs)
    run.epochs = [replace(each, test_accuracy=1 - 0.3 / each.epoch) for each in run.epochs]
    curves = series.curves({"pytorch/eager": [run]})
    plotting.plot_curves("Curves", curves, tmp_path / "curves.png")
    for drawn in figures[0].axes:
        assert drawn.get_xticks()[-1] == epochs
        assert_ends_at_a_mark(drawn)
    assert figures[0].axes[1].get_ylim()[1] <= 1


def test_the_axes_of_the_other_pictures_reach_their_last_point(figures, tmp_path):
    runs, floors = swept()
    lines = series.throughput(
        make_result(
            make_dataset(),
            *runs,
            settings=[{"batch_size": 64}, {"batch_size": 256}],
            floors=floors,
        )
    )
    plotting.plot_throughput("Speed", lines, tmp_path / "throughput.png")
    (drawn,) = figures[0].axes
    assert drawn.get_xticks().tolist() == [64, 256]
    assert_ends_at_a_mark(drawn)
    ledgers = series.phase_times({"pytorch/eager": [make_run("pytorch/eager")]})
    plotting.plot_time("Time", ledgers, tmp_path / "time.png")
    (drawn,) = figures[1].axes
    assert drawn.get_xticks()[-1] >= ledgers[0].total
    assert drawn.get_xlim()[1] >= drawn.get_xticks()[-1]


def assert_ends_at_a_mark(drawn) -> None:
    """The upright axis begins and ends at marks that enclose all that is drawn."""
    marks, limits = drawn.get_yticks(), drawn.get_ylim()
    np.testing.assert_allclose((marks[0], marks[-1]), limits)
    low, high = drawn.dataLim.intervaly
    assert limits[0] <= low and high <= limits[1]
    assert math.isfinite(low)
