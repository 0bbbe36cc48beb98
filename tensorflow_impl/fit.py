"""Steps 5 and 6 the short way: Keras's own loop, `compile`, `fit` and `evaluate`."""

from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from shared.batches import as_they_are, epoch_order
from shared.clock import Clock
from shared.config import TrainConfig
from shared.results import EpochResult

from .data import make_batches
from .evaluate import evaluate
from .train import Tensors

# Python and Keras's callbacks come in only between such groups of steps.
STEPS_PER_EXECUTION = 32


class StepsDone(keras.callbacks.Callback):
    """Tells the clock when the first step begins and when some steps are over."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def on_train_begin(self, logs: dict | None = None) -> None:
        # `iterations` would count updates, which may take several batches each.
        self.done = int(self.model.optimizer._iterations)
        self.clock.begin_steps()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # `batch` counts the last group as full, whether it is or not.
        done = int(self.model.optimizer._iterations)
        self.clock.step_done(done - self.done)
        self.done = done


def fit(
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    train_set: Tensors,
    test_set: Tensors,
    config: TrainConfig,
    clock: Clock,
    compute_loss: Callable[..., tf.Tensor] | None = None,
    pipeline: Callable[..., Iterable[Tensors]] = make_batches,
    prepare: Callable[..., tuple[Tensors, np.ndarray]] = as_they_are,
    done: int = 0,
) -> Iterator[EpochResult]:
    """Train as `train` does, and yield the same figures, from what Keras measures."""

    def loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        # Keras hands the labels over as floats.
        return compute_loss(logits, tf.cast(labels, tf.int64))  # DIFF-5

    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)  # DIFF-6
    with clock.phase("build"):
        model.compile(  # DIFF-13
            optimizer=optimizer,
            loss=loss if compute_loss else cross_entropy,
            metrics=["accuracy"],
            steps_per_execution=STEPS_PER_EXECUTION,
        )
    size, test_size = len(train_set[0]), len(test_set[0])
    test_batches = make_batches(*test_set, np.arange(test_size), batch_size=1000)
    for epoch in range(done + 1, config.epochs + 1):
        with clock.phase("train") as training:
            order = epoch_order(size, config.seed, epoch)
            lesson, order = prepare(train_set, order, epoch)
            batches = pipeline(*lesson, order, config.batch_size)
            # One call per epoch, so that each epoch's figures can be shown when it ends; and the
            # callback only where it is needed, because it costs time after every batch.
            history = model.fit(
                batches,
                initial_epoch=epoch - 1,
                epochs=epoch,
                callbacks=[StepsDone(clock)] if clock.watches_steps else [],
                shuffle=False,  # DIFF-8
                verbose=0,
            ).history  # DIFF-7
        with clock.phase("evaluate") as evaluating:
            if compute_loss:
                # Keras would measure the loss that it minimizes, with smoothed labels say.
                test_loss, test_accuracy = evaluate(model, *test_set)
            else:
                test_loss, test_accuracy = model.evaluate(test_batches, verbose=0)
        train_loss, train_accuracy = history["loss"][0], history["accuracy"][0]
        seconds = training.seconds, evaluating.seconds
        yield EpochResult(epoch, train_loss, train_accuracy, test_loss, test_accuracy, *seconds)
