"""Figures of an epoch from those of its batches, and of each class from logits and labels."""

from dataclasses import asdict, dataclass

import numpy as np

from shared.config import CLASSES
from shared.results import EpochResult


def epoch_mean(batch_means: np.ndarray, sizes: np.ndarray) -> float:
    """Mean over the images of an epoch, from the means of its batches, [batches].

    The last batch may be smaller, so each counts by its number of images, `sizes` [batches].
    """
    return float(np.average(batch_means, weights=sizes))


def epoch_arrays(epoch: EpochResult) -> dict[str, np.ndarray]:
    """The figures of an epoch that are known, each as an array []."""
    known = {name: value for name, value in asdict(epoch).items() if value is not None}
    return {name: np.array(value) for name, value in known.items()}


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told from the others; None where nothing was there to be counted.

    Of the images that were called so, the `precision` is the fraction that are so; of those that
    are so, the `recall` is the fraction that were called so; `f1` is their harmonic mean, and
    `support` the number of images that are so.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def share(part: int, whole: int) -> float | None:
    """What fraction of the whole it is, or None if nothing was there to be counted."""
    return float(part / whole) if whole else None


def class_figures(
    logits: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> list[ClassFigures]:
    """Precision, recall, F1 and support of each class: logits [n, 10], labels [n]."""
    counts = confusion(logits, labels)
    columns = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    return [
        ClassFigures(
            name,
            share(right, called),
            share(right, support),
            share(2 * right, called + support),
            int(support),
        )
        for name, right, called, support in zip(class_names, *columns, strict=True)
    ]


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Number of images by label (row) and prediction (column), [10, 10], from logits [n, 10]."""
    counts = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(counts, (labels, logits.argmax(axis=1)), 1)
    return counts
