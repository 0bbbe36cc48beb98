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


def counted(fraction: float) -> float | None:
    """The fraction, or None for NaN: nothing was there to be counted."""
    return None if np.isnan(fraction) else float(fraction)


def class_figures(
    logits: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> list[ClassFigures]:
    """Precision, recall, F1 and support of each class: logits [n, 10], labels [n]."""
    # Here, because no training needs it and it takes as long to import as a small one to run.
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        labels, logits.argmax(axis=1), labels=range(CLASSES), zero_division=np.nan
    )
    return [
        ClassFigures(name, counted(precision), counted(recall), counted(f1), int(support))
        for name, precision, recall, f1, support in zip(class_names, *columns, strict=True)
    ]


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Number of images by label (row) and prediction (column), [10, 10], from logits [n, 10]."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, logits.argmax(axis=1), labels=range(CLASSES))
