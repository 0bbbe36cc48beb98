"""The mean of an epoch weighs its batches by their size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.batches import batch_sizes
from shared.metrics import epoch_mean

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
