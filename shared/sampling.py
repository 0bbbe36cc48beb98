"""Which of the training images a run sees, and how much each class counts."""

from dataclasses import replace

import numpy as np
import psutil

from shared.batches import IMBALANCE_STREAM, ORDER_STREAM, SPLIT_STREAM, batch_sizes
from shared.clock import Clock
from shared.config import CLASSES, TrainConfig
from shared.datasets import Dataset, load_dataset, prepare_dataset
from shared.download import MissingFiles
from shared.errors import UsageError
from shared.formats import gibibytes

# Of every weight there are its gradient and, in Adam, two running means.
COPIES = 4

# Classes from here on become rare with --imbalance.
FIRST_RARE_CLASS = 5


def load_configured(config: TrainConfig) -> Dataset:
    """Read the dataset that is already there, thinned out and split as the configuration says.

    Raises:
        UsageError: the dataset can't be had, or what is left of it does not do.
    """
    dataset = load_dataset(
        config.dataset,
        config.data_dir,
        limit=config.limit,
        float_type=config.float_type,
        pixels=config.pixels,
    )
    if config.imbalance is not None:
        rows = imbalanced_rows(dataset.train_labels, config.imbalance, config.seed)
        dataset = with_training_rows(dataset, rows)
    if config.validation:
        held_out = stratified_rows(dataset.train_labels, config.validation, config.seed)
        if not 0 < len(held_out) < len(dataset.train_labels):
            raise UsageError(
                f"--validation {config.validation}: holds out {len(held_out)} of "
                f"{len(dataset.train_labels)} images; choose a fraction that leaves some to train "
                "on and some to validate on."
            )
        images, labels = dataset.train_images[held_out], dataset.train_labels[held_out]
        rest = np.setdiff1d(np.arange(len(dataset.train_labels)), held_out)
        dataset = replace(
            with_training_rows(dataset, rest), validation_images=images, validation_labels=labels
        )
    last_batch = batch_sizes(len(dataset.train_labels), config.batch_size)[-1]
    if config.batch_norm and last_batch == 1:
        raise UsageError(
            f"--batch-size {config.batch_size}: leaves a last batch of one of the "
            f"{len(dataset.train_labels)} images, which --batch-norm cannot normalize; choose "
            "another size."
        )
    refuse_without_update(config, len(dataset.train_labels))
    return dataset


def refuse_without_update(config: TrainConfig, train_size: int) -> None:
    """Refuse a training that ends before its first update.

    Args:
        config: of the training.
        train_size: training images in an epoch.

    Raises:
        UsageError: names the flag and the number of batches that there are.
    """
    batches = config.epochs * len(batch_sizes(train_size, config.batch_size))
    if config.accumulate > batches:
        raise UsageError(
            f"--accumulate {config.accumulate}: expected at most {batches}, the number of batches "
            f"in the whole training (--epochs {config.epochs}, --batch-size {config.batch_size}), "
            "or no update would be made; choose a smaller number, or train for more epochs."
        )


def with_training_rows(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """The same dataset with only these of the training images."""
    return replace(
        dataset, train_images=dataset.train_images[rows], train_labels=dataset.train_labels[rows]
    )


def imbalanced_rows(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """All rows of the classes below FIRST_RARE_CLASS and about a fraction of the others, in order.

    Args:
        labels: [n] int64.
        fraction: of the rare classes' rows to keep, above 0, at most 1.
        seed: draws which.
    """
    draw = np.random.default_rng([seed, IMBALANCE_STREAM]).random(len(labels))
    return np.flatnonzero((labels < FIRST_RARE_CLASS) | (draw < fraction))


def stratified_rows(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Rows drawn at random, of each class the same fraction (rounded), in ascending order.

    Args:
        labels: [n] int64.
        fraction: of each class's rows, from 0 to below 1.
        seed: draws which.
    """
    random = np.random.default_rng([seed, SPLIT_STREAM])
    drawn = []
    for label in range(CLASSES):
        rows = random.permutation(np.flatnonzero(labels == label))
        drawn.append(rows[: round(fraction * len(rows))])
    return np.sort(np.concatenate(drawn))


def balanced_order(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """As many rows as there are, drawn with replacement, each class as often as any other.

    What `torch.utils.data.WeightedRandomSampler` does with the inverse class frequencies.

    Args:
        labels: [n] int64.
        seed: the run's seed.
        epoch: counted from 1.

    Returns:
        [n] int64.
    """
    random = np.random.default_rng([seed, ORDER_STREAM, epoch])
    weights = class_weights(labels)[labels]
    return random.choice(len(labels), len(labels), p=weights / weights.sum())


def class_weights(labels: np.ndarray) -> np.ndarray:
    """How much an image of each class counts, so that all classes count alike: [10] float64.

    n / (classes * images of the class), the heuristic of King and Zeng, "Logistic Regression in
    Rare Events Data" (2001); its mean over all images is 1. A class without images counts nothing.
    """
    counts = np.bincount(labels, minlength=CLASSES)
    present = counts > 0
    return np.where(present, len(labels) / (present.sum() * np.maximum(counts, 1)), 0.0)


def prepare(config: TrainConfig) -> tuple[TrainConfig, MissingFiles | None]:
    """Make sure that the dataset is there, downloading it if need be.

    Returns:
        The configuration with the dataset's name settled, and what was missing if it is not the
        one that was meant.

    Raises:
        UsageError: the dataset can't be had, or the network has no room in the memory.
    """
    refuse_beyond_memory(config)
    wanted = None if config.dataset == "auto" else config.dataset
    chosen, missing = prepare_dataset(wanted, config.data_dir, offline=config.offline)
    return replace(config, dataset=chosen), missing


def refuse_beyond_memory(config: TrainConfig) -> None:
    """Refuse a network that this machine can't train, before anything is allocated for it.

    Raises:
        UsageError: names the flag and both sizes.
    """
    needed = COPIES * config.parameters() * np.dtype(config.float_type).itemsize
    there = psutil.virtual_memory().total
    if needed > there:
        raise UsageError(
            f"--hidden {' '.join(map(str, config.hidden))}: the weights, gradients and running "
            f"means of this network take {gibibytes(needed)}, but this machine has "
            f"{gibibytes(there)}; choose fewer units."
        )


def load(config: TrainConfig, clock: Clock) -> Dataset:
    """Read the dataset that is already there, booked to the phase `data`."""
    with clock.phase("data"):
        return load_configured(config)
