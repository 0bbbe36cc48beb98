"""Early stopping: training ends when the validation loss no longer falls."""

from collections.abc import Iterator

import keras

from shared.config import TrainConfig
from shared.results import EpochResult

from ..model import get_weights, set_weights


def stop_early(
    epochs: Iterator[EpochResult], model: keras.Model, config: TrainConfig
) -> Iterator[EpochResult]:
    """Pass the epochs on until `patience` of them brought no lower loss; restore the best weights.

    Prechelt, "Early Stopping - But When?" (1998), section 2, the third class of criteria.
    """
    lowest, waited, best = float("inf"), 0, None
    for epoch in epochs:
        waited += 1
        if epoch.validation_loss < lowest - config.min_delta:
            lowest, waited, best = epoch.validation_loss, 0, get_weights(model)
        yield epoch
        if waited >= config.patience:
            break
    if best is not None:
        set_weights(model, best)
