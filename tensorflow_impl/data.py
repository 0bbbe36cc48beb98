"""Step 1: images and labels, batch by batch."""

import numpy as np
import tensorflow as tf


def to_tensors(
    images: np.ndarray, labels: np.ndarray, device: tf.config.PhysicalDevice
) -> tuple[tf.Tensor, tf.Tensor]:
    """Turn all images and labels into tensors, once.

    Args:
        images: [n, 784] float32 or float64, standardized.
        labels: [n] int64, from 0 to 9.
        device: not used: tf.data picks a batch's rows in the CPU's memory.
    """
    with tf.device("CPU"):
        return tf.constant(images), tf.constant(labels)  # DIFF-16


def make_batches(
    images: tf.Tensor, labels: tf.Tensor, order: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """Iterate over rows in this order: images [batch, 784], labels [batch].

    Args:
        images: [n, 784].
        labels: [n].
        order: [n] int64, the row numbers in the order of use.
        batch_size: rows of every batch except the last, which holds the rest.
    """
    rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    # A gather of whole batches: one operation for each.
    batches = rows.map(
        lambda chosen: (tf.gather(images, chosen), tf.gather(labels, chosen))
    )
    # The thread that tunes buffers sleeps for seconds, and now and then the
    # end of an epoch waits for it.
    options = tf.data.Options()
    options.autotune.enabled = False  # DIFF-27
    return batches.prefetch(2).with_options(options)  # DIFF-8
