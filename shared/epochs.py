"""What looks at the end of each epoch: the same generators around every framework's training."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from shared.checkpoints import Arrays, Checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.results import EpochResult

Epochs = Iterator[EpochResult]
# To copy weights or a state out, and to copy them in.
Access = tuple[Callable[[], Arrays], Callable[[Arrays], None]]


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
    lowest, waited = float("inf"), 0
    for epoch in epochs:
        loss, waited = epoch.validation_loss, waited + 1
        if loss is not None and loss < lowest - config.min_delta:
            lowest, waited = loss, 0
            best.update(weights[0]())
        yield epoch
        if waited == config.patience:
            break
    weights[1](best)


def follow(
    epochs: Epochs,
    config: TrainConfig,
    checkpoints: Checkpoints | None,
    weights: Access,
    state: Access,
    rate: tuple[Callable[[], float], Callable[[Epochs], Epochs]],
) -> Epochs:
    """Put around the epochs what is asked for; `rate` tells the learning rate and reduces it."""
    if checkpoints:
        epochs = checkpoints.replay(epochs, weights[1], state[1])
    if config.schedule == "plateau":
        epochs = rate[1](epochs)
    if config.schedule != "constant" or config.warmup_steps:
        epochs = (replace(epoch, learning_rate=rate[0]()) for epoch in epochs)
    if config.patience is not None:
        epochs = stop_early(epochs, weights, config, checkpoints.best if checkpoints else {})
    return checkpoints.save_epochs(epochs, weights[0], state[0]) if checkpoints else epochs
