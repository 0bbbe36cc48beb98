"""Figures from logits, against SciPy and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from shared.metrics import accuracy, cross_entropy, epoch_mean, softmax

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

ROWS = st.integers(1, 12)


@st.composite
def logits_and_labels(draw, float_type="float64"):
    """Logits [n, 10] of up to 1e4 either way, and labels [n]."""
    rows = draw(ROWS)
    width = 32 if float_type == "float32" else 64
    elements = st.floats(-1e4, 1e4, width=width)
    logits = draw(arrays(float_type, (rows, 10), elements=elements))
    labels = draw(arrays(np.int64, rows, elements=st.integers(0, 9)))
    return logits, labels


def test_accuracy():
    logits = np.eye(10)[[3, 1, 4, 1]]
    assert accuracy(logits, np.array([3, 1, 4, 1])) == 1
    assert accuracy(logits, np.array([3, 1, 4, 2])) == 0.75
    assert accuracy(logits, np.array([0, 0, 0, 0])) == 0
    assert isinstance(accuracy(logits, np.array([3, 1, 4, 2])), float)


@given(case=logits_and_labels() | logits_and_labels("float32"))
@REPEATABLE
def test_cross_entropy_against_scipy(case):
    logits, labels = case
    of_labels = special.log_softmax(logits.astype(np.float64), axis=1)[range(len(labels)), labels]
    assert cross_entropy(logits, labels) == pytest.approx(-of_labels.mean(), rel=1e-12, abs=1e-12)


def test_cross_entropy_of_no_opinion():
    labels = np.array([0, 5, 9])
    assert cross_entropy(np.zeros((3, 10)), labels) == pytest.approx(math.log(10), rel=1e-15)


@pytest.mark.parametrize("float_type", ["float32", "float64"])
@pytest.mark.parametrize("largest", [1e4, -1e4])
def test_large_logits(float_type, largest):
    logits = np.full((2, 10), -1e4, float_type)
    logits[:, 3] = largest
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, probabilities = cross_entropy(logits, np.array([3, 5])), softmax(logits)
    if largest > 0:
        # Right costs nothing, wrong the distance of 2e4.
        assert loss == 1e4
        np.testing.assert_array_equal(probabilities, np.eye(10)[[3, 3]])
    else:
        assert loss == pytest.approx(math.log(10), rel=1e-15)
        np.testing.assert_allclose(probabilities, 0.1, rtol=1e-15)


def test_cross_entropy_of_float32_is_computed_in_float64():
    logits = np.linspace(-3, 5, 40).reshape(4, 10).astype(np.float32)
    labels = np.array([0, 3, 6, 9])
    assert cross_entropy(logits, labels) == cross_entropy(logits.astype(np.float64), labels)


@given(case=logits_and_labels() | logits_and_labels("float32"))
@REPEATABLE
def test_softmax_gives_probabilities(case):
    probabilities = softmax(case[0])
    assert probabilities.dtype == np.float64
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)
    expected = special.softmax(case[0].astype(np.float64), axis=1)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-12, atol=1e-300)


def test_epoch_mean_counts_the_partial_batch_by_its_size():
    # Batches of 4, 4 and 2 images.
    assert epoch_mean(np.array([1.0, 2.0, 6.0]), 10, 4) == (4 * 1 + 4 * 2 + 2 * 6) / 10
    assert epoch_mean(np.array([1.0, 3.0]), 8, 4) == 2
    assert epoch_mean(np.array([5.0]), 3, 64) == 5


@given(size=st.integers(1, 200), batch_size=st.integers(1, 70), seed=st.integers(0, 99))
@REPEATABLE
def test_epoch_mean_is_the_mean_over_the_images(size, batch_size, seed):
    figures = np.random.default_rng(seed).normal(size=size)
    means = np.array([figures[i : i + batch_size].mean() for i in range(0, size, batch_size)])
    assert epoch_mean(means, size, batch_size) == pytest.approx(figures.mean(), abs=1e-12)
