"""What a configuration asks of every framework alike: which images an epoch shows, and how."""

from collections.abc import Callable

import numpy as np

from shared.augmentation import augment
from shared.batches import Tensors, as_they_are
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.sampling import balanced_order, class_weights


def make_preparation(
    config: TrainConfig, dataset: Dataset, to_tensors: Callable[[np.ndarray, np.ndarray], Tensors]
) -> Callable[[Tensors, np.ndarray, int], tuple[Tensors, np.ndarray]]:
    """A function like `as_they_are` that samples and augments as the configuration says.

    Args:
        config: asks for it.
        dataset: whose training images it is about.
        to_tensors: of one framework: from images [n, 784] and labels [n] to its tensors.
    """
    if config.sampling == "all" and not config.augment:
        return as_they_are
    black = -dataset.mean / dataset.deviation

    def prepare(train_set: Tensors, order: np.ndarray, epoch: int) -> tuple[Tensors, np.ndarray]:
        if config.augment:
            images = augment(dataset.train_images, black, config.seed, epoch)
            train_set = to_tensors(images, dataset.train_labels)
        if config.sampling == "balanced":
            order = balanced_order(dataset.train_labels, config.seed, epoch)
        return train_set, order

    return prepare


def loss_options(config: TrainConfig, dataset: Dataset) -> tuple[float, bool, np.ndarray | None]:
    """What `make_loss` takes: label smoothing, whether labels are one-hot, class weights [10]."""
    balanced = config.class_weights == "balanced"
    weights = class_weights(dataset.train_labels) if balanced else None
    return config.label_smoothing, config.labels == "one-hot", weights


def to_pixels(dataset: Dataset) -> np.ndarray:
    """The training images as they were stored: [n, 784] uint8."""
    pixels = 255 * (dataset.train_images * dataset.deviation + dataset.mean)
    return np.rint(pixels).astype(np.uint8)
