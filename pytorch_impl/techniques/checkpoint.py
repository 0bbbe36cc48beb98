"""Checkpoints: after an interruption the training goes on as if there had been none."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from shared.checkpoints import Arrays, Checkpoints
from shared.clock import Clock
from shared.results import EpochResult

from ..model import get_weights, set_weights
from .accumulation import Accumulating
from .precision import Scaling
from .schedule import learning_rate

Tensors = tuple[torch.Tensor, torch.Tensor]

# Who draws the random numbers on each kind of device.
RANDOM = {"cpu": torch, "cuda": torch.cuda, "mps": torch.mps}


def get_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> Arrays:
    """Copy out what a step changes beside the weights: what the optimizer and dropout remember."""
    parameters = list(model.parameters())
    tensors = {"random": RANDOM[parameters[0].device.type].get_rng_state()}  # DIFF-40
    tensors["learning_rate"] = torch.tensor(learning_rate(optimizer), dtype=torch.float64)
    for place, parameter in enumerate(parameters):
        # Not by index, which would create what is missing.
        kept = optimizer.state.get(parameter, {})
        tensors |= {f"{place}/{name}": tensor for name, tensor in kept.items()}
    if isinstance(optimizer, Accumulating):
        tensors["batches"] = torch.tensor(optimizer.done)
        gradients = {f"{place}/gradient": each.grad for place, each in enumerate(parameters)}
        tensors |= gradients
        optimizer = optimizer.optimizer
    if isinstance(optimizer, Scaling):
        kept = optimizer.scaler.state_dict()
        tensors |= {f"scaler/{name}": torch.tensor(number) for name, number in kept.items()}
        optimizer = optimizer.optimizer
    for place, scheduler in enumerate(getattr(optimizer, "schedulers", [])):
        tensors[f"updates/{place}"] = torch.tensor(scheduler.last_epoch)
    return {name: tensor.numpy(force=True).copy() for name, tensor in tensors.items()}


def set_state(model: nn.Module, optimizer: torch.optim.Optimizer, state: Arrays) -> None:
    """Copy in what `get_state` copied out; model and optimizer are new ones of the same kind."""
    tensors = {name: torch.tensor(array) for name, array in state.items()}
    parameters = list(model.parameters())
    RANDOM[parameters[0].device.type].set_rng_state(tensors["random"])
    for group in optimizer.param_groups:
        group["lr"] = tensors["learning_rate"].item()
    for place, parameter in enumerate(parameters):
        kept = {
            name.partition("/")[2]: tensor.to(parameter.device)
            for name, tensor in tensors.items()
            if name.startswith(f"{place}/")
        }
        parameter.grad = kept.pop("gradient", None)
        for tensor in kept.values():
            # As `create_moments` of compiled.py does.
            torch._dynamo.mark_static_address(tensor)
        if kept:
            optimizer.state[parameter] = kept
    if isinstance(optimizer, Accumulating):
        optimizer.done = tensors["batches"].item()
        optimizer = optimizer.optimizer
    if isinstance(optimizer, Scaling):
        names = optimizer.scaler.state_dict()
        optimizer.scaler.load_state_dict({name: tensors[f"scaler/{name}"].item() for name in names})
        optimizer = optimizer.optimizer
    for place, scheduler in enumerate(getattr(optimizer, "schedulers", [])):
        scheduler.last_epoch = tensors[f"updates/{place}"].item()


def learn_in_pieces(
    learn: Callable[..., Tensors], checkpoints: Checkpoints
) -> Callable[..., Tensors]:
    """A function like `train_epoch` that saves on the way, and goes on where a checkpoint is."""

    def learn_epoch(
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        train_set: Tensors,
        order: np.ndarray,
        batch_size: int,
        clock: Clock,
    ) -> Tensors:
        for number, piece in enumerate(checkpoints.pieces(order)):
            if number:
                checkpoints.save(get_weights(model), get_state(model, optimizer))
            losses, correct = learn(model, optimizer, train_set, piece, batch_size, clock)
            checkpoints.add_batches(losses.cpu().numpy(), correct.cpu().numpy())
        # With those from before the interruption.
        losses, correct = checkpoints.batches["losses"], checkpoints.batches["correct"]
        return torch.from_numpy(losses), torch.from_numpy(correct)

    return learn_epoch


def replay(
    epochs: Iterator[EpochResult],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    checkpoints: Checkpoints,
) -> Iterator[EpochResult]:
    """Pass on the checkpoint's epochs to those who decide by them, then go on from it."""
    if checkpoints.weights is not None:
        # Early stopping keeps the weights that it finds at the best epoch.
        set_weights(model, checkpoints.best)
        yield from list(checkpoints.epochs)
        set_weights(model, checkpoints.weights)
        set_state(model, optimizer, checkpoints.state)
    yield from epochs


def save_epochs(
    epochs: Iterator[EpochResult],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    checkpoints: Checkpoints,
) -> Iterator[EpochResult]:
    """Pass on the epochs that are not in the checkpoint yet, and save after each."""
    known = len(checkpoints.epochs)
    for epoch in epochs:
        if epoch.epoch > known:
            # First, because who looks at it may find that the training failed.
            yield epoch
            checkpoints.add_epoch(epoch)
            checkpoints.save(get_weights(model), get_state(model, optimizer))
