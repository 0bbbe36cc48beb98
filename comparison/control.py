"""How far rounding alone drives correct trainings apart."""

import numpy as np

from numpy_impl.data import make_batches
from numpy_impl.model import get_weights
from numpy_impl.run import build, choose_loss, look_at_epochs, make_learner, train_rows
from numpy_impl.trace import Emit, compute_gradients
from numpy_impl.train import Tensors
from shared.batches import epoch_order
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.metrics import epoch_arrays

# About a thousand times the rounding of float32.
NUDGE = 1e-4

# By how many roundings each weight is changed, half a unit in its last place
# each: about as many as a sum in another order makes.
ROUNDINGS = 8


def trace_control(config: TrainConfig, dataset: Dataset, emit: Emit, seed: int | None) -> None:
    """Trace it with weights nudged and the rows of each batch permuted.

    How far two correct trainings part, such controls show: by rounding, which
    grows, and at once where it decides on which side of zero a ReLU's input
    lies.

    Args:
        config: of the training.
        dataset: what is learned.
        emit: as in `trace`.
        seed: draws for each weight whether it is rounded up or down; with None
            all are nudged up, by more than rounding does, so that this control
            parts early.
    """
    random = np.random.default_rng(seed)
    built = build(config, dataset)
    device, model, _, train_set, _ = built
    loss = choose_loss(config, dataset, device)
    unit = float(np.finfo(config.float_type).eps) / 2
    for weight in model.parameters():
        signs = random.choice((-1, 1), weight.shape)
        weight *= 1 + (NUDGE if seed is None else ROUNDINGS * unit * signs)
    sound_backward = model.backward

    # A probability near 1 is rounded before 1 is taken from it, by each
    # implementation in its own way, however little the weights differ.
    def backward(gradient: np.ndarray) -> list[np.ndarray]:
        signs = random.choice((-1, 1), gradient.shape)
        lost = unit / len(gradient) * signs * (gradient < 0)
        return sound_backward(gradient + lost.astype(gradient.dtype))

    model.backward = backward  # type: ignore[method-assign]
    order = epoch_order(len(dataset.train_labels), config.seed, epoch=1)
    batches = make_batches(*train_set, order, config.batch_size)
    images, labels = next(iter(batches))
    emit("start", compute_gradients(model, images, labels, loss))
    clock = Clock()
    clock.after_step = lambda _: emit("step", get_weights(model))
    learn = make_learner(config, "reference", dataset, built, clock)

    def learn_permuted(train_set: Tensors, rows: np.ndarray) -> Tensors:
        return learn(train_set, permute_batches(rows, config.batch_size, random))

    epochs = train_rows(config, dataset, built, learn_permuted, clock)
    for epoch in look_at_epochs(config, dataset, built, epochs, clock):
        emit("epoch", epoch_arrays(epoch))


def permute_batches(order: np.ndarray, batch_size: int, random: np.random.Generator) -> np.ndarray:
    """The same rows [n] in the same batches, in another order within each."""
    starts = range(0, len(order), batch_size)
    return np.concatenate([random.permutation(order[k : k + batch_size]) for k in starts])
