"""A validation set: images held out of the training, to decide by."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from shared.clock import Clock
from shared.results import EpochResult

from ..evaluate import evaluate
from ..model import Sequential


def validate(
    epochs: Iterator[EpochResult],
    model: Sequential,
    validation_set: tuple[np.ndarray, np.ndarray],
    clock: Clock,
) -> Iterator[EpochResult]:
    """Add loss and accuracy on the validation set, images [k, 784] and labels [k], to each epoch.

    The test set must not decide anything: what is chosen by it looks better on it than it is.
    """
    for epoch in epochs:
        with clock.phase("evaluate"):
            loss, accuracy = evaluate(model, *validation_set)
        yield replace(epoch, validation_loss=loss, validation_accuracy=accuracy)
