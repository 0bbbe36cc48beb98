"""Early stopping: training ends when the validation loss no longer falls."""

from collections.abc import Iterator

import keras

from shared.config import TrainConfig
from shared.initial_weights import Weights
from shared.results import EpochResult

from ..model import get_weights, set_weights


def stop_early(
    epochs: Iterator[EpochResult], model: keras.Model, config: TrainConfig, best: Weights
) -> Iterator[EpochResult]:
    """Pass the epochs on until `patience` of them brought no lower loss; restore the best weights.

    Prechelt, "Early Stopping - But When?" (1998), section 2, the third class of criteria.

    Args:
        epochs: with their validation losses.
        model: whose weights they are about.
        config: says for how long to wait for what.
        best: filled with the best weights so far.
    """
    lowest, waited = float("inf"), 0
    for epoch in epochs:
        waited += 1
        if epoch.validation_loss < lowest - config.min_delta:
            lowest, waited = epoch.validation_loss, 0
            best.update(get_weights(model))
        yield epoch
        if waited >= config.patience:
            break
    set_weights(model, best)
