"""Training images moved a little, anew in every epoch: the same for every framework."""

import numpy as np

from shared.batches import AUGMENT_STREAM

SIDE = 28
MOST_PIXELS = 2.0
MOST_DEGREES = 10.0
# Bounds the memory that a chunk of images takes.
CHUNK = 2000


def augment(images: np.ndarray, background: float, seed: int, epoch: int) -> np.ndarray:
    """Shift each image by up to two pixels and rotate it about its centre by up to ten degrees.

    Args:
        images: [n, 784] float32 or float64.
        background: what moves in from outside: the value of a black pixel.
        seed: the run's seed.
        epoch: counted from 1; each epoch moves the images otherwise.

    Returns:
        [n, 784] of the images' dtype, interpolated linearly between the four nearest pixels.
    """
    random = np.random.default_rng([seed, AUGMENT_STREAM, epoch])
    angles = np.radians(random.uniform(-MOST_DEGREES, MOST_DEGREES, len(images)))
    shifts = random.uniform(-MOST_PIXELS, MOST_PIXELS, (len(images), 2))
    moved = [
        _move(
            images[start : start + CHUNK], angles[start : start + CHUNK], shifts[start:], background
        )
        for start in range(0, len(images), CHUNK)
    ]
    return np.concatenate(moved)


def _move(
    images: np.ndarray, angles: np.ndarray, shifts: np.ndarray, background: float
) -> np.ndarray:
    """Rotate and shift each image by its own angle (radians) and shift (rows, columns)."""
    count = len(images)
    # A frame of background, so that every neighbour exists.
    framed = np.full((count, SIDE + 2, SIDE + 2), background, images.dtype)
    framed[:, 1:-1, 1:-1] = images.reshape(count, SIDE, SIDE)
    centre = (SIDE - 1) / 2
    row, column = np.mgrid[:SIDE, :SIDE].reshape(2, 1, -1) - centre
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    # Where each pixel of the result comes from, in the framed image.
    source_row = cosine * row - sine * column - shifts[:count, :1] + centre + 1
    source_column = sine * row + cosine * column - shifts[:count, 1:] + centre + 1
    source_row, source_column = (
        np.clip(source, 0, SIDE + 1 - 1e-6) for source in (source_row, source_column)
    )
    top, left = source_row.astype(int), source_column.astype(int)
    down, right = (source_row - top), (source_column - left)
    flat = framed.reshape(count, -1)
    corner = top * (SIDE + 2) + left

    def pixel(offset: int) -> np.ndarray:
        return np.take_along_axis(flat, corner + offset, axis=1)

    above = pixel(0) * (1 - right) + pixel(1) * right
    below = pixel(SIDE + 2) * (1 - right) + pixel(SIDE + 3) * right
    return (above * (1 - down) + below * down).astype(images.dtype)
