"""What a configuration asks of every framework alike: which images an epoch shows, and how."""

from collections.abc import Callable

import numpy as np

from shared.augmentation import augment
from shared.batches import Tensors, epoch_order
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.sampling import balanced_order, class_weights


def choose_rows(
    config: TrainConfig,
    dataset: Dataset,
    train_set: Tensors,
    to_tensors: Callable[[np.ndarray, np.ndarray], Tensors],
) -> Callable[[int], tuple[Tensors, np.ndarray]]:
    """A function of an epoch's number: its images and labels, and their rows in order.

    Args:
        config: asks for all rows in a random order, or for a balanced sample of them, and perhaps
            for images that are augmented anew in each epoch.
        dataset: holds the training images.
        train_set: the same images and labels as tensors of one framework.
        to_tensors: of that framework: from images [n, 784] and labels [n] to its tensors.
    """
    labels, black = dataset.train_labels, -dataset.mean / dataset.deviation

    def rows_of(epoch: int) -> tuple[Tensors, np.ndarray]:
        shown = train_set
        if config.augment:
            images = augment(dataset.train_images, black, config.seed, epoch)
            shown = to_tensors(images, labels)
        if config.sampling == "balanced":
            return shown, balanced_order(labels, config.seed, epoch)
        return shown, epoch_order(len(labels), config.seed, epoch)

    return rows_of


def loss_options(config: TrainConfig, dataset: Dataset) -> tuple[float, bool, np.ndarray | None]:
    """What `make_loss` takes: label smoothing, whether labels are one-hot, class weights [10]."""
    balanced = config.class_weights == "balanced"
    weights = class_weights(dataset.train_labels) if balanced else None
    return config.label_smoothing, config.labels == "one-hot", weights


def to_pixels(dataset: Dataset) -> np.ndarray:
    """The training images as they were stored: [n, 784] uint8."""
    pixels = 255 * (dataset.train_images * dataset.deviation + dataset.mean)
    return np.rint(pixels).astype(np.uint8)
