"""Other losses: smoothed labels, one-hot labels, classes that count more."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from shared.config import CLASSES

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def make_loss(
    label_smoothing: float,
    one_hot: bool,
    class_weights: np.ndarray | None,
    device: tf.config.PhysicalDevice,
) -> Loss:
    """A function like `compute_loss`: logits [batch, 10], labels [batch].

    Args:
        label_smoothing: probability taken from the label and spread evenly
            over all classes; Szegedy et al., "Rethinking the Inception
            Architecture" (2016), section 7.
        one_hot: pass the labels as vectors with a one at the class.
        class_weights: [10], multiplies each image's loss by its label's
            weight.
        device: not used, because TensorFlow copies the class weights where
            they are needed.
    """

    def compute_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        # Keras smooths one-hot labels only.
        if one_hot or label_smoothing:
            targets = tf.one_hot(labels, CLASSES, dtype=logits.dtype)
            losses = keras.losses.categorical_crossentropy(
                targets,
                logits,
                from_logits=True,
                label_smoothing=label_smoothing,
            )  # DIFF-36
        else:
            cross_entropy = keras.losses.sparse_categorical_crossentropy
            losses = cross_entropy(labels, logits, from_logits=True)
        if class_weights is not None:
            weights = tf.constant(class_weights, losses.dtype)
            losses = losses * tf.gather(weights, labels)  # DIFF-37
        return tf.reduce_mean(losses)

    return compute_loss
