"""Gradients against finite differences."""

import numpy as np


def central_difference(loss, array: np.ndarray, index: tuple, width: float = 1e-6) -> float:
    """Slope of `loss()` in one coordinate of `array`, which is left as it was."""
    kept = array[index]
    array[index] = kept + width
    above = loss()
    array[index] = kept - width
    below = loss()
    array[index] = kept
    return float(above - below) / (2 * width)


def largest_error(loss, array: np.ndarray, gradient: np.ndarray, coordinates: int) -> float:
    """Largest deviation from the slope at random coordinates, relative to the gradient's scale."""
    random = np.random.default_rng(4)
    chosen = random.choice(array.size, min(coordinates, array.size), replace=False)
    indices = [np.unravel_index(each, array.shape) for each in chosen]
    errors = [abs(gradient[i] - central_difference(loss, array, i)) for i in indices]
    return max(errors) / np.abs(gradient).max()
