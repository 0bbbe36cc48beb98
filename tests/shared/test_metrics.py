"""The mean of an epoch weighs its batches by their size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.batches import batch_sizes
from shared.config import CLASSES
from shared.metrics import class_figures, confusion, epoch_mean

REPEATABLE = settings(derandomize=True, deadline=None)


def test_epoch_mean_counts_the_partial_batch_by_its_size():
    # Batches of 4, 4 and 2 images.
    assert (
        epoch_mean(np.array([1.0, 2.0, 6.0]), np.array([4, 4, 2])) == (4 * 1 + 4 * 2 + 2 * 6) / 10
    )
    assert epoch_mean(np.array([1.0, 3.0]), np.array([4, 4])) == 2
    assert epoch_mean(np.array([5.0]), np.array([3])) == 5


@given(size=st.integers(1, 200), batch_size=st.integers(1, 70), seed=st.integers(0, 99))
@REPEATABLE
def test_epoch_mean_is_the_mean_over_the_images(size, batch_size, seed):
    figures = np.random.default_rng(seed).normal(size=size)
    means = np.array([figures[i : i + batch_size].mean() for i in range(0, size, batch_size)])
    assert epoch_mean(means, batch_sizes(size, batch_size)) == pytest.approx(
        figures.mean(), abs=1e-12
    )


@given(size=st.integers(1, 60), classes=st.integers(1, CLASSES), seed=st.integers(0, 99))
@REPEATABLE
def test_figures_of_a_class_are_those_that_counting_one_by_one_gives(size, classes, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, size)
    logits = random.normal(size=(size, CLASSES))
    # Some classes are never called, and some are not there.
    logits[:, random.integers(0, CLASSES, 3)] -= 9
    pairs = list(zip(labels.tolist(), logits.argmax(axis=1).tolist(), strict=True))
    expected = [[pairs.count((each, other)) for other in range(CLASSES)] for each in range(CLASSES)]
    assert confusion(logits, labels).tolist() == expected
    figures = class_figures(logits, labels, tuple(map(str, range(CLASSES))))
    for each, found in enumerate(figures):
        called = [label == each for label, answer in pairs if answer == each]
        so = [answer == each for label, answer in pairs if label == each]
        assert found.precision == (sum(called) / len(called) if called else None)
        assert found.recall == (sum(so) / len(so) if so else None)
        assert (found.name, found.support) == (str(each), len(so))
        if called and so and any(so):
            mean = 2 / (1 / found.precision + 1 / found.recall)
            assert found.f1 == pytest.approx(mean, rel=1e-14)
        else:
            assert found.f1 == (0 if called or so else None)
