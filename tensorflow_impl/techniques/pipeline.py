"""The tutorials' input pipeline, which prepares one image at a time."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def make_pipeline(
    pixels: np.ndarray,
    labels: np.ndarray,
    mean: float,
    deviation: float,
    device: tf.config.PhysicalDevice,
) -> Callable[..., tf.data.Dataset]:
    """A function like `make_batches` that prepares each image every time.

    It uses only the order that it is passed, not the prepared images and
    labels.

    Args:
        pixels: [n, 784] uint8.
        labels: [n] int64.
        mean: of the pixels from 0 to 1; it is subtracted.
        deviation: the standard deviation, by which pixels are divided.
        device: not used, because tf.data prepares batches in the CPU's memory.
    """
    with tf.device("CPU"):
        all_pixels, all_labels = tf.constant(pixels), tf.constant(labels)

    def prepare(row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.cast(all_pixels[row], tf.float32) / 255  # DIFF-49
        return (image - mean) / deviation, all_labels[row]

    def make_batches(
        images: tf.Tensor,
        labels: tf.Tensor,
        order: np.ndarray,
        batch_size: int,
    ) -> tf.data.Dataset:
        rows = tf.data.Dataset.from_tensor_slices(order)
        tuned = tf.data.AUTOTUNE
        singles = rows.map(prepare, num_parallel_calls=tuned)  # DIFF-39
        return singles.batch(batch_size).prefetch(tuned)

    return make_batches
