"""Other losses: smoothed labels, one-hot labels, classes that count more."""

import numpy as np

from shared.config import CLASSES

from ..loss import Loss, differentiable


def make_loss(
    label_smoothing: float,
    one_hot: bool,
    class_weights: np.ndarray | None,
    device: str,
) -> Loss:
    """A function like `compute_loss`: logits [batch, 10], labels [batch].

    Args:
        label_smoothing: probability taken from the label and spread evenly
            over all classes; Szegedy et al., "Rethinking the Inception
            Architecture" (2016), section 7.
        one_hot: pass the labels as vectors with a one at the class.
        class_weights: [10], multiplies each image's loss by its label's
            weight.
        device: where the logits are.
    """
    weights = np.ones(CLASSES) if class_weights is None else class_weights

    def targets_of(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        one_hot_labels = np.eye(CLASSES, dtype=logits.dtype)[labels]
        return (
            1 - label_smoothing
        ) * one_hot_labels + label_smoothing / CLASSES

    def gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
        softmax /= softmax.sum(axis=1, keepdims=True)
        rows = weights.astype(logits.dtype)[labels, None] / logits.dtype.type(
            len(labels)
        )
        return (softmax - targets_of(logits, labels)) * rows

    @differentiable(gradient)
    def compute_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_softmax = shifted - np.log(
            np.exp(shifted).sum(axis=1, keepdims=True)
        )
        losses = -(targets_of(logits, labels) * log_softmax).sum(axis=1)
        return np.mean(losses * weights.astype(logits.dtype)[labels])

    return compute_loss
