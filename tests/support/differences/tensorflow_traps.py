"""What TensorFlow and Keras answer where something silently differs that the twins do not meet."""

import inspect
import random
import tempfile
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from keras import layers, losses, optimizers
from keras.optimizers import schedules
from tensorflow.python.framework.config import is_op_determinism_enabled

from tests.support.differences.problem import (
    DECAY,
    FEATURES,
    FEW,
    IMAGES,
    KERNEL,
    KINDS,
    LABELS,
    MANY,
    NARROW,
    ROWS,
    TYPES,
    attempt,
)

Answers = dict[str, object]

images, labels = tf.constant(IMAGES), tf.constant(LABELS)
logits = images @ KERNEL
cross_entropy = losses.SparseCategoricalCrossentropy(from_logits=True)


def about_compiled_dropout(answers: Answers) -> None:
    """How many places of two masks differ: eager and again, eager and traced, eager and by XLA."""
    masks = []
    for wrap in (None, None, tf.function, lambda each: tf.function(each, jit_compile=True)):
        layer = layers.Dropout(0.5, seed=0)

        def draw(numbers, layer=layer):
            return layer(numbers, training=True)

        masks.append((wrap(draw) if wrap else draw)(tf.ones(MANY)).numpy() > 0)
    answers["masks: again, traced, compiled"] = [
        int((mask != masks[0]).sum()) for mask in masks[1:]
    ]


def about_seeds(answers: Answers) -> None:
    """Six Python numbers in a call; and what a seed, or a draw of Python's, does to Keras."""
    function = tf.function(lambda number: number)
    for number in range(6):
        function(number)
    answers["traces of six numbers"] = function.experimental_get_tracing_count()
    kernels = {}
    for name, seed in (("Keras", keras.utils.set_random_seed), ("TensorFlow", tf.random.set_seed)):
        kernels[name] = []
        for _ in range(2):
            seed(0)
            layer = layers.Dense(KINDS)
            layer.build((None, FEATURES))
            kernels[name].append(layer.kernel.numpy())
    answers["initial weights after equal seeds"] = {
        name: bool(np.array_equal(*each)) for name, each in kernels.items()
    }
    masks = []
    for draws in (0, 1):
        keras.utils.set_random_seed(0)
        for _ in range(draws):
            random.random()
        masks.append(layers.Dropout(0.5)(tf.ones(MANY), training=True).numpy() > 0)
    answers["mask after a draw of Python's"] = int((masks[0] != masks[1]).sum())


def about_labels(answers: Answers) -> None:
    """Their type and their range, and integer images."""
    function = losses.sparse_categorical_crossentropy

    def loss(of_labels, of_logits) -> float:
        return float(tf.reduce_mean(function(of_labels, of_logits, from_logits=True)))

    answers["loss by type of labels"] = {
        name: attempt(lambda name=name: loss(tf.cast(labels, name), logits)) for name in TYPES
    }
    broken = tf.cast(labels, "float32") + 0.9
    answers["loss of labels and nine tenths"] = loss(broken, logits)
    answers["loss of a label out of range"] = {
        str(wrong): attempt(lambda wrong=wrong: loss(tf.constant([0, wrong]), logits[:2]))
        for wrong in (3, -1, -100)
    }
    layer = layers.Dense(1)
    answers["integer images"] = attempt(lambda: layer(tf.cast(images, "int64")).dtype.name)

    # As the tutorials' loader reads the file that it downloads.
    whole = np.full((2, 2, 2), 255, "uint8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mnist.npz")
        np.savez(path, x_train=whole, y_train=[0, 1], x_test=whole, y_test=[0, 1])
        with patch("keras.src.datasets.mnist.get_file", return_value=str(path)):
            (pixels, _), _ = keras.datasets.mnist.load_data()
    answers["largest pixel"] = int(pixels.max())


class Batches(keras.callbacks.Callback):
    """Counts the batches of training and of validation."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = [0, 0]

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.counts[0] += 1

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.counts[1] += 1


def make_model(rate: float = 0.0) -> keras.Sequential:
    """A model of one layer with the kernel of the problem."""
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
    model.layers[0].kernel.assign(KERNEL)
    model.compile(optimizers.SGD(rate), cross_entropy)
    return model


def about_defaults(answers: Answers) -> None:
    """What is taken if nothing is said."""
    answers["rate of SGD"] = float(optimizers.SGD().learning_rate)
    answers["optimizer of compile"] = (
        inspect.signature(keras.Model.compile).parameters["optimizer"].default
    )
    # 33 rows, and ten in batches of 5 to be validated by as many.
    many, batches = np.zeros((33, FEATURES), "float32"), Batches()
    make_model().fit(many, np.zeros(33), callbacks=[batches], verbose=0)
    answers["batches of 33 rows"] = batches.counts[0]
    batches = Batches()
    make_model().fit(
        many, np.zeros(33), 5, validation_data=(images, labels), callbacks=[batches], verbose=0
    )
    answers["batches of ten rows to validate by"] = batches.counts[1]
    layer = layers.LayerNormalization()
    answers["narrow rows normalized"] = layer(tf.constant(NARROW)).numpy().tolist()
    answers["epsilon of layer normalization"] = layer.epsilon


def about_determinism(answers: Answers) -> None:
    """Whether it is asked for by default, and whether two trainings are equal."""
    answers["deterministic by default"] = is_op_determinism_enabled()
    trained = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(64), layers.Dense(KINDS)])
        model.compile("adam", cross_entropy)
        model.fit(images, labels, 4, epochs=5, verbose=0)
        trained.append(model.get_weights())
    answers["trained twice alike"] = all(map(np.array_equal, *trained))


def about_penalties(answers: Answers) -> None:
    """What `L2` adds to the gradient of a weight of 1, and to the loss."""
    layer = layers.Dense(
        1, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(DECAY)
    )
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(optimizers.SGD(1.0), "mse")
    ones = np.ones((1, 1), "float32")
    answers["penalty: gradient, loss"] = [None, model.evaluate(ones, ones, verbose=0)]
    model.fit(ones, ones, verbose=0)
    answers["penalty: gradient, loss"][0] = 1 - float(layer.kernel.numpy()[0, 0])


def about_softmax(answers: Answers) -> None:
    """The loss of logits, and of their softmax, taken for logits and for probabilities."""
    probabilities = keras.activations.softmax(logits)
    answers["loss of logits and of softmax"] = [
        float(cross_entropy(labels, logits)),
        float(cross_entropy(labels, probabilities)),
        float(losses.SparseCategoricalCrossentropy()(labels, probabilities)),
    ]


def about_shapes(answers: Answers) -> None:
    """Losses of [n, 1] against [n], all predicted right."""
    right = tf.constant(FEW)
    answers["squared error of [n, 1]"] = float(losses.MeanSquaredError()(right, right[:, None]))
    zeros = tf.zeros(len(FEW))
    answers["binary loss of [n, 1]"] = float(losses.BinaryCrossentropy()(zeros, zeros[:, None]))


def about_batch_normalization(answers: Answers) -> None:
    """With one row, and frozen."""
    layer = layers.BatchNormalization()
    answers["one row in training"] = layer(tf.ones((1, 1)), training=True).numpy().tolist()
    layer = layers.BatchNormalization(epsilon=0.0)
    layer.trainable = False
    rows = tf.constant([[10.0], [30.0]])
    outputs = layer(rows, training=True).numpy().tolist()
    answers["frozen: outputs, mean kept"] = [outputs, float(layer.moving_mean.numpy()[0])]


def about_early_stopping(answers: Answers) -> None:
    """Losses of what a training is left with that gets worse from epoch to epoch."""
    answers["best weights by default"] = keras.callbacks.EarlyStopping().restore_best_weights
    answers["losses: best, left, restored"] = []
    for restores in (False, True):
        # Steps so large that the first epoch is the best one; it never waits long enough.
        model = make_model(1000.0)
        stopping = keras.callbacks.EarlyStopping(
            "val_loss", patience=10, restore_best_weights=restores
        )
        history = model.fit(
            images,
            labels,
            ROWS,
            epochs=3,
            validation_data=(images, labels),
            callbacks=[stopping],
            verbose=0,
        ).history["val_loss"]
        left = model.evaluate(images, labels, verbose=0)
        answers["losses: best, left, restored"] += [left] if restores else [min(history), left]


def about_cosine(answers: Answers) -> None:
    """Rates up to its end after two steps, and two steps on."""
    cosine = schedules.CosineDecay(1.0, 2)
    answers["cosine"] = [round(float(cosine(step)), 6) for step in range(5)]


TRAPS = (
    about_seeds,
    about_compiled_dropout,
    about_labels,
    about_defaults,
    about_determinism,
    about_penalties,
    about_softmax,
    about_shapes,
    about_batch_normalization,
    about_early_stopping,
    about_cosine,
)
