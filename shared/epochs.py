"""What works between epochs: generators around a training, the same for every framework."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from shared.checkpoint_state import Access, Arrays
from shared.checkpoints import Checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.results import EpochResult

Epochs = Iterator[EpochResult]


def validate(epochs: Epochs, measure: Callable[[], tuple[float, float]], clock: Clock) -> Epochs:
    """Add loss and accuracy on the validation set to each epoch: the test set decides nothing."""
    for epoch in epochs:
        with clock.phase("evaluate"):
            loss, accuracy = measure()
        yield replace(epoch, validation_loss=loss, validation_accuracy=accuracy)


def stop_early(epochs: Epochs, weights: Access, config: TrainConfig, best: Arrays) -> Epochs:
    """Pass on epochs until `patience` of them brought no lower loss; go back to the `best` weights.

    Prechelt, "Early Stopping - But When?" (1998), section 2, the third class of criteria.
    """
    (get_weights, set_weights), lowest, waited = weights, float("inf"), 0
    for epoch in epochs:
        loss, waited = epoch.validation_loss, waited + 1
        if loss is not None and loss < lowest - config.min_delta:
            lowest, waited = loss, 0
            best.update(get_weights())
        yield epoch
        if waited == config.patience:
            break
    set_weights(best)


def follow(
    epochs: Epochs,
    config: TrainConfig,
    checkpoints: Checkpoints | None,
    weights: Access,
    state: Access,
    rate: tuple[Callable[[], float], Callable[[Epochs], Epochs]],
) -> Epochs:
    """Add to the epochs what is asked for; `rate` tells the learning rate, and reduces it."""
    (get_weights, set_weights), (get_state, _) = weights, state
    learning_rate, reduce_on_plateau = rate
    if checkpoints:
        epochs = checkpoints.replay(epochs, set_weights, state)
    if config.schedule == "plateau":
        epochs = reduce_on_plateau(epochs)
    if config.schedule != "constant" or config.warmup_steps:
        epochs = (replace(epoch, learning_rate=learning_rate()) for epoch in epochs)
    if config.patience is not None:
        epochs = stop_early(epochs, weights, config, checkpoints.best if checkpoints else {})
    return checkpoints.save_epochs(epochs, get_weights, get_state) if checkpoints else epochs
