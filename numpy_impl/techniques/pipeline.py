"""The tutorials' input pipeline, which prepares one image at a time."""

from collections.abc import Callable, Iterator

import numpy as np

Batches = Iterator[tuple[np.ndarray, np.ndarray]]


def make_pipeline(
    pixels: np.ndarray,
    labels: np.ndarray,
    mean: float,
    deviation: float,
    device: str,
) -> Callable[..., Batches]:
    """A function like `make_batches` that prepares each image every time.

    It uses only the order that it is passed, not the prepared images and
    labels.

    Args:
        pixels: [n, 784] uint8.
        labels: [n] int64.
        mean: of the pixels from 0 to 1; it is subtracted.
        deviation: the standard deviation, by which pixels are divided.
        device: where the batches go.
    """
    all_labels = labels

    def make_batches(
        images: np.ndarray,
        labels: np.ndarray,
        order: np.ndarray,
        batch_size: int,
    ) -> Batches:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            singles = [
                (pixels[row].astype(np.float32) / 255 - mean) / deviation
                for row in rows
            ]
            yield np.stack(singles).astype(np.float32), all_labels[rows]

    return make_batches
