"""What the notes say of NumPy and SciPy."""

import warnings
from unittest.mock import patch

import numpy as np
from scipy import special

from tests.support.notes.registry import Checks, raises

CHECKS = Checks()
of = CHECKS.of


@of("data.py make_batches: yield images[rows], labels[rows]")
def indexing_with_rows_copies():
    images = np.zeros((3, 2))
    assert not np.shares_memory(images[np.array([0, 1])], images)
    made = []

    def rows():
        made.append(1)
        yield 1

    batches = rows()
    assert not made
    next(batches)
    assert made


@of("train.py train_step: @np.errstate(")
def errstate_silences_warnings():
    for how, number in (("ignore", 0), ("warn", 1)):
        with warnings.catch_warnings(record=True) as said, np.errstate(over=how):
            warnings.simplefilter("always")
            np.exp(np.float32(1000))
        assert len(said) == number


@of("techniques/activations.py imports: from scipy.special import ndtr")
def ndtr_is_the_probability_below():
    assert np.isclose(special.ndtr(0.0), 0.5)
    assert np.isclose(special.ndtr(1.96), 0.975, atol=1e-4)


@of("techniques/precision.py use_mixed_precision: raise UsageError(")
def numpy_has_no_bfloat16():
    raises(TypeError, lambda: np.dtype("bfloat16"))
    assert np.ones((2, 2), "float16").dtype == np.float16


WRONG = {
    "techniques/activations.py imports: from scipy.special import ndtr": lambda: patch.object(
        special, "ndtr", special.erf
    ),
}
