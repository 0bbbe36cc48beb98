"""Which points of long curves are drawn."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

# Epochs that a chart shows side by side, a pixel or two for each; and into how many stretches a
# longer training is cut at least, however many curves there are.
MOST_EPOCHS, LEAST_STRETCHES = 400, 40


def thin(curves: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
    """The epochs at which curves are drawn together: all, or of more than MOST_EPOCHS so few that
    a screen has room for them.

    Of each of equally long stretches stay the first and the last epoch, and those at which any of
    the curves is highest or lowest, so that the ends and every peak stay where they are.

    Args:
        curves: of each the first epoch, and the values from there on, [repeats, epochs].
    """
    first = min(begin for begin, _ in curves)
    end = max(begin + values.shape[1] for begin, values in curves)
    if end - first <= MOST_EPOCHS:
        return np.arange(first, end)
    stretches = MOST_EPOCHS // 2
    while True:
        kept = _ends_and_peaks(curves, np.linspace(first, end, stretches + 1).astype(int))
        if len(kept) <= MOST_EPOCHS or stretches == LEAST_STRETCHES:
            return np.array(sorted(kept))
        stretches = max(LEAST_STRETCHES, stretches // 2)


def _ends_and_peaks(curves: Sequence[tuple[int, np.ndarray]], edges: np.ndarray) -> set[int]:
    kept = {*edges[:-1].tolist(), *(edges[1:] - 1).tolist()}
    for begin, values in curves:
        kept |= {begin, begin + values.shape[1] - 1}
        for low, high in pairwise(np.clip(edges - begin, 0, values.shape[1])):
            if low < high:
                part = values[:, low:high]
                found = np.concatenate([part.argmin(axis=1), part.argmax(axis=1)])
                kept |= set((begin + low + found).tolist())
    return kept
