"""Order and start are drawn from the seed alone, each from a stream of its own."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import batches, initial_weights
from shared.batches import (
    ORDER_STREAM,
    WEIGHTS_STREAM,
    batch_sizes,
    epoch_order,
    split_rows,
)

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

draw = initial_weights.initial_weights

SIZES = st.integers(1, 500)
SEEDS = st.integers(0, 2**32 - 1)
EPOCHS = st.integers(1, 1000)


@given(size=SIZES, seed=SEEDS, epoch=EPOCHS)
@REPEATABLE
def test_an_epoch_sees_every_row_once(size, seed, epoch):
    order = epoch_order(size, seed, epoch)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(size))


@given(size=SIZES, seed=SEEDS, epoch=EPOCHS)
@REPEATABLE
def test_the_order_is_drawn_from_its_arguments_alone(size, seed, epoch):
    np.random.seed(seed % 7)
    once = epoch_order(size, seed, epoch)
    np.testing.assert_array_equal(epoch_order(size, seed, epoch), once)


def test_every_seed_and_epoch_has_an_order_of_its_own():
    orders = {
        tuple(epoch_order(50, seed, epoch)) for seed in (0, 1, 2**32 - 1) for epoch in range(1, 11)
    }
    assert len(orders) == 30


@given(size=st.integers(1, 5000), batch_size=st.integers(1, 600))
@REPEATABLE
def test_batch_sizes_add_up(size, batch_size):
    sizes = batch_sizes(size, batch_size)
    assert sizes.sum() == size
    assert len(sizes) == math.ceil(size / batch_size)
    assert (sizes[:-1] == batch_size).all()
    assert 1 <= sizes[-1] <= batch_size


@given(size=st.integers(1, 300), batch_size=st.integers(1, 400))
@REPEATABLE
def test_split_rows_are_the_batches(size, batch_size):
    order = epoch_order(size, 0, 1)
    batches, rest = split_rows(order, batch_size)
    assert [len(rows) for rows in (*batches, *rest)] == list(batch_sizes(size, batch_size))
    assert np.array_equal(np.concatenate([*batches, *rest]), order)
    assert batches.shape[1] == batch_size
    assert len(rest) == (size % batch_size > 0)


def test_batch_sizes_of_mnist():
    sizes = batch_sizes(60000, 64)
    assert (len(sizes), sizes[0], sizes[-1]) == (938, 64, 32)


@given(hidden=st.tuples(st.integers(1, 30), st.integers(1, 30)), seed=SEEDS)
@settings(REPEATABLE, max_examples=20)
def test_names_and_shapes_of_weights(hidden, seed):
    first, second = hidden
    assert {name: array.shape for name, array in draw(hidden, seed).items()} == {
        "dense_1/kernel": (784, first),
        "dense_1/bias": (first,),
        "dense_2/kernel": (first, second),
        "dense_2/bias": (second,),
        "dense_3/kernel": (second, 10),
        "dense_3/bias": (10,),
    }


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_kernels_are_uniform_within_their_bound_and_biases_zero(seed):
    for name, array in draw((128, 64), seed, "float64").items():
        if name.endswith("bias"):
            assert not array.any()
            continue
        bound = math.sqrt(3 / len(array))
        assert np.abs(array).max() <= bound
        # Five standard errors of what a uniform distribution has.
        count = array.size
        assert abs(array.mean()) < 5 * bound / math.sqrt(3 * count)
        assert abs((array**2).mean() - bound**2 / 3) < 5 * bound**2 * math.sqrt(4 / 45 / count)
        assert np.abs(array).max() > bound * (1 - 10 / count)


@given(seed=SEEDS)
@settings(REPEATABLE, max_examples=10)
def test_both_float_types_start_from_the_same_point(seed):
    single, double = (draw((32, 16), seed, float_type) for float_type in ("float32", "float64"))
    assert single.keys() == double.keys()
    for name in single:
        assert (single[name].dtype, double[name].dtype) == (np.float32, np.float64)
        np.testing.assert_array_equal(single[name], double[name].astype(np.float32))
    assert (double["dense_1/kernel"] != single["dense_1/kernel"]).any()


def test_every_seed_has_a_start_of_its_own():
    starts = {draw((4, 3), seed)["dense_1/kernel"].tobytes() for seed in range(20)}
    assert len(starts) == 20
    assert draw((4, 3), 5)["dense_1/kernel"].tobytes() in starts


def test_weights_and_order_do_not_share_random_numbers(monkeypatch):
    assert WEIGHTS_STREAM != ORDER_STREAM
    weights, order = draw((4, 3), 0), epoch_order(100, 0, 1)
    monkeypatch.setattr(batches, "ORDER_STREAM", 77)
    assert (epoch_order(100, 0, 1) != order).any()
    for name, array in draw((4, 3), 0).items():
        np.testing.assert_array_equal(array, weights[name])
    monkeypatch.setattr(batches, "ORDER_STREAM", ORDER_STREAM)
    monkeypatch.setattr(initial_weights, "WEIGHTS_STREAM", 77)
    assert (draw((4, 3), 0)["dense_1/kernel"] != weights["dense_1/kernel"]).all()
    np.testing.assert_array_equal(epoch_order(100, 0, 1), order)
