"""What the charts show, computed from the results."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from report import series
from report.thinning import LEAST_STRETCHES, MOST_EPOCHS, thin
from shared.results import Floor, InferenceResult
from tests.support.results import make_run, make_unfinished


def test_like_is_set_against_like():
    """Each run shows the repeat of the first seed that all completed."""
    failed = make_unfinished("b", "failed", "It broke.", seed=0)
    groups = {
        "a": [make_run("a", 0), make_run("a", 1)],
        "b": [failed, make_run("b", 1)],
        "c": [make_unfinished("c", "failed", "It broke.")],
    }
    chosen = series.like_repeats(groups)
    assert {place: run.seed for place, run in chosen.items()} == {0: 1, 1: 1}


def test_without_a_common_seed_each_run_shows_what_it_has():
    groups = {"a": [make_run("a", 0)], "b": [make_run("b", 1), make_run("b", 2)]}
    chosen = series.like_repeats(groups)
    assert {place: run.seed for place, run in chosen.items()} == {0: 0, 1: 1}


def test_answers_that_cannot_be_read_are_named(tmp_path):
    labels = np.arange(10)
    runs = [make_run("a"), make_run("b"), make_run("c")]
    for run, count in zip(runs, (10, 9, 0), strict=True):
        run.predictions = str(tmp_path / run.predictions)
        if count:
            save_file({"logits": np.eye(10)[:count]}, run.predictions)
    given = series.answers({run.run: [run] for run in runs}, labels)
    assert given.runs == {0: "a"}
    assert list(given.unread) == ["b", "c"]
    assert given.unread["b"].endswith("F64 [9, 10] instead of logits of F32 or F64 [10, 10]")
    assert "No such file" in given.unread["c"]
    assert given.seed == 0


@pytest.mark.parametrize("length", [1, 399, 400, 401, 20_000, 200_000])
@pytest.mark.parametrize("repeats", [1, 3])
def test_long_curves_keep_their_ends_and_peaks(length, repeats):
    drawn = np.random.default_rng(0).normal(size=(repeats, length))
    drawn[0, length // 3], drawn[-1, length // 2] = 99, -99
    short = np.linspace(0, 1, max(1, length // 2))[np.newaxis]
    kept = thin([(1, drawn), (1, short)])
    assert {1, length, short.shape[1], length // 3 + 1, length // 2 + 1} <= set(kept.tolist())
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert len(kept) == length if length <= MOST_EPOCHS else len(kept) < 1.1 * MOST_EPOCHS
    # No stretch is left out: as good as evenly spread.
    assert np.diff(kept, prepend=1, append=length).max() <= max(1, length // LEAST_STRETCHES)


def test_many_curves_are_thinned_to_a_bounded_number():
    curves = [(5, np.random.default_rng(k).normal(size=(5, 9000))) for k in range(20)]
    assert len(thin(curves)) <= LEAST_STRETCHES * (2 + 2 * 5 * 20)


def test_a_short_run_beside_a_long_one_is_drawn_in_its_place():
    runs = {"a": [make_run("a", epochs=3000)], "b": [make_run("b", epochs=3)]}
    lines = series.curves(runs)["loss"]
    assert [line.points[0][0] for line in lines] == [1] * 4
    assert [line.points[-1][0] for line in lines] == [3000, 3000, 3, 3]
    losses = {epoch.epoch: epoch.test_loss for epoch in runs["a"][0].epochs}
    assert all(losses[x] == y for x, y in lines[1].points)


def test_a_grid_shows_what_is_most_disputed_and_then_the_first_images():
    disputed = np.array([9, 3, 7, 1])
    assert series.grid_rows(disputed, 50, 4).tolist() == [9, 3, 0, 1]
    assert series.grid_rows(disputed[:1], 3, 4).tolist() == [9, 0, 1, 2]


def test_latencies_are_means_by_batch_size():
    first, second = make_run("a", 0), make_run("a", 1)
    first.inference = [InferenceResult(64, 3.0, 5.0), InferenceResult(1, 1.0, 2.0)]
    second.inference = [InferenceResult(1, 2.0, 4.0)]
    measured = series.latency({"a": [first, second]})
    assert list(measured) == [1, 64]
    assert measured[1] == [series.Latency(0, "a", 1.5, 3.0)]


@pytest.mark.parametrize("units", [1, 8, 128, 200])
def test_of_the_first_layer_so_many_units_are_read(units, tmp_path):
    run = make_run("a")
    run.weights = str(tmp_path / "weights")
    kernel = np.random.default_rng(0).normal(size=(784, units))
    save_file({"dense_1/kernel": kernel}, run.weights)
    read = series.first_kernels({"a": [run]}, 128)
    assert read.unread == {}
    np.testing.assert_array_equal(read.runs[0][1], kernel[:, :128])


ODD_KERNELS = {
    "a column missing": np.zeros((784, 0), np.float32),
    "a row missing": np.zeros((783, 8), np.float32),
    "a vector": np.zeros(784, np.float32),
    "of half precision": np.zeros((784, 8), np.float16),
    "of truth": np.zeros((784, 8), bool),
    "no number": np.full((784, 8), np.nan, np.float32),
}


@pytest.mark.parametrize("kernel", ODD_KERNELS.values(), ids=ODD_KERNELS)
def test_weights_of_another_kind_are_not_drawn_and_told(kernel, tmp_path):
    run = make_run("a")
    run.weights = str(tmp_path / "weights")
    save_file({"dense_1/kernel": kernel}, run.weights)
    read = series.first_kernels({"a": [run]}, 128)
    assert read.runs == {}
    assert f"{run.weights} can't be used: it holds " in read.unread["a"]


def test_floors_stand_beside_the_epochs():
    groups = {"a": [make_run("a", speed=2)], "b": [make_unfinished("b", "failed", "It broke.")]}
    measured = series.epoch_times(groups, [Floor("fast", 64, [0.5, 1.5])])
    assert [(each.place, each.name, each.mean) for each in measured] == [
        (0, "a", 2.0),
        (None, "matrix products alone, fast", 1.0),
    ]
