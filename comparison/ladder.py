"""The rungs of --attribute: one default of PyTorch's at a time switched to Keras's."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from numpy_impl.data import make_batches
from numpy_impl.model import Sequential, build_model, set_weights
from numpy_impl.optimizer import Adam, Optimizer
from numpy_impl.train import Tensors, train, train_epoch, train_step
from shared.batches import batch_sizes, epoch_order
from shared.clock import Clock
from shared.config import ADAM_EPSILON, TrainConfig
from shared.datasets import Dataset
from shared.initial_weights import initial_weights
from shared.results import EpochResult

# Far from every seed that a repeat may have.
OTHER_ORDER = 1_000_000


@dataclass(frozen=True)
class Rung:
    """One way to train; the defaults are PyTorch's."""

    name: str
    weights: str = "pytorch"
    """Scheme of the initial weights."""
    epsilon: float = ADAM_EPSILON
    epsilon_hat: bool = False
    """Whether Adam's epsilon stands outside the bias correction."""
    order: int = 0
    """Added to the seed of the batch order."""
    permuted: bool = False
    """Whether the rows inside each batch are permuted."""


BASE = Rung("PyTorch's defaults")

KERAS_EPSILON = 1e-7

LADDER = (
    Rung("initial weights", weights="keras"),
    Rung("Adam's epsilon and its place", epsilon=KERAS_EPSILON, epsilon_hat=True),
    Rung("order of the images", order=OTHER_ORDER),
    Rung(
        "all three: Keras's defaults",
        weights="keras",
        order=OTHER_ORDER,
        epsilon=KERAS_EPSILON,
        epsilon_hat=True,
    ),
    Rung("nothing but rounding", permuted=True),
)

# The rung that is null by construction.
CONTROL = LADDER[-1].name


def permuted_step(
    model: Sequential, optimizer: Optimizer, images: np.ndarray, labels: np.ndarray
) -> Tensors:
    """Learn from one batch with its rows in another order: the same but for rounding."""
    rows = np.random.default_rng(len(labels)).permutation(len(labels))
    return train_step(model, optimizer, images[rows], labels[rows])


def train_rung(config: TrainConfig, dataset: Dataset, rung: Rung) -> list[EpochResult]:
    """Train once as the rung says, with one thread; returns the figures of each epoch."""
    with threadpool_limits(1):
        first, second = config.hidden
        model = build_model((first, second))
        weights = initial_weights(config.hidden, config.seed, config.float_type, rung.weights)
        set_weights(model, weights)
        optimizer = Adam(
            model.parameters(),
            config.learning_rate,
            epsilon=rung.epsilon,
            epsilon_hat=rung.epsilon_hat,
        )
        images, labels = dataset.train_images, dataset.train_labels
        step = permuted_step if rung.permuted else train_step
        clock = Clock()

        def learn(epoch: int) -> Tensors:
            order = epoch_order(len(labels), config.seed + rung.order, epoch)
            batches = make_batches(images, labels, order, config.batch_size)
            return train_epoch(model, optimizer, batches, clock, step)

        sizes = batch_sizes(len(labels), config.batch_size)
        test_set = dataset.test_images, dataset.test_labels
        return list(train(model, learn, sizes, test_set, range(1, config.epochs + 1), clock))
