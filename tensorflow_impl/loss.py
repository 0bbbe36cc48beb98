"""Step 3: the loss, and the count of correct predictions."""

import keras
import tensorflow as tf


def compute_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross-entropy, mean over the batch: -log softmax(logits)[label].

    Args:
        logits: [batch, 10], before softmax.
        labels: [batch] int64.

    Returns:
        A scalar of the logits' dtype.
    """
    cross_entropy = keras.losses.sparse_categorical_crossentropy  # DIFF-46
    losses = cross_entropy(labels, logits, from_logits=True)  # DIFF-5
    return tf.reduce_mean(losses)  # DIFF-6


def count_correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Number of rows whose largest logit is the label's: a scalar, int64."""
    return tf.math.count_nonzero(tf.argmax(logits, axis=1) == labels)
