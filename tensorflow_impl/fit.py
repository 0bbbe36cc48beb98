"""Steps 5 and 6 the short way: Keras's `compile`, `fit` and `evaluate`."""

from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from shared.clock import Clock
from shared.results import EpochResult

from .data import make_batches
from .evaluate import evaluate
from .train import Tensors

# Python and Keras's callbacks run only between groups of this many steps.
STEPS_PER_EXECUTION = 32


class StepsDone(keras.callbacks.Callback):
    """Tells the clock when the first step begins and when steps are over."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def on_train_begin(self, logs: dict | None = None) -> None:
        # `iterations` would count updates, which may take several batches
        # each.
        self.done = int(self.model.optimizer._iterations)
        self.clock.begin_steps()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # `batch` counts the last group as full, even if it is not.
        done = int(self.model.optimizer._iterations)
        self.clock.step_done(done - self.done)
        self.done = done


def compile_model(
    model: keras.Sequential,
    optimizer: keras.optimizers.Optimizer,
    compute_loss: Callable[..., tf.Tensor] | None = None,
) -> None:
    """Tell Keras how to train: with cross-entropy or another loss."""
    cross_entropy = keras.losses.SparseCategoricalCrossentropy
    minimized: Callable = cross_entropy(from_logits=True)  # DIFF-6
    if compute_loss:

        def loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
            # Keras passes the labels as floats.
            return compute_loss(logits, tf.cast(labels, tf.int64))  # DIFF-5

        minimized = loss
    model.compile(  # DIFF-13
        optimizer=optimizer,
        loss=minimized,
        metrics=["accuracy"],
        steps_per_execution=STEPS_PER_EXECUTION,
    )


def fit(
    model: keras.Sequential,
    batches_of: Callable[[int], Iterable[Tensors]],
    test_set: Tensors,
    epochs: Iterable[int],
    clock: Clock,
    measures_loss: bool = True,
) -> Iterator[EpochResult]:
    """Train as `train` does, and yield Keras's figures.

    Args:
        model: compiled by `compile_model`.
        batches_of: returns the batches of the epoch of this number.
        test_set: images [n, 784], labels [n].
        epochs: the epoch numbers, starting at 1.
        clock: records where the time goes.
        measures_loss: whether the minimized loss is also the one to report,
            which it is not with smoothed labels, for example.
    """
    order = np.arange(len(test_set[0]))
    test_batches = make_batches(*test_set, order, batch_size=1000)
    for epoch in epochs:
        with clock.phase("train") as training:
            # One call per epoch, so that its figures can be shown when it
            # ends; the callback only when needed, because it costs time after
            # every batch.
            history = model.fit(
                batches_of(epoch),
                initial_epoch=epoch - 1,
                epochs=epoch,
                callbacks=[StepsDone(clock)] if clock.watches_steps else [],
                shuffle=False,  # DIFF-8
                verbose=0,
            ).history  # DIFF-7
        with clock.phase("evaluate") as evaluating:
            if measures_loss:
                measured = model.evaluate(test_batches, verbose=0)
            else:
                measured = evaluate(model, *test_set)
        test_loss, test_accuracy = measured
        yield EpochResult(
            epoch,
            history["loss"][0],
            history["accuracy"][0],
            test_loss,
            test_accuracy,
            training.seconds,
            evaluating.seconds,
        )
