"""Checkpoints: an interrupted training continues as if it had not been."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from shared.checkpoint_state import require_like
from shared.checkpoints import Arrays, Checkpoints

from ..model import get_weights
from .accumulation import Accumulating
from .precision import Scaling
from .schedule import learning_rate

Tensors = tuple[torch.Tensor, torch.Tensor]
Learner = Callable[[Tensors, np.ndarray], Tensors]

# The module that draws random numbers on each kind of device.
RANDOM = {"cpu": torch, "cuda": torch.cuda, "mps": torch.mps}


def get_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> Arrays:
    """Copy out the state that optimizer and dropout keep from step to step."""
    parameters = list(model.parameters())
    tensors = {
        "random": RANDOM[parameters[0].device.type].get_rng_state()
    }  # DIFF-40
    tensors["learning_rate"] = torch.tensor(
        learning_rate(optimizer), dtype=torch.float64
    )
    for place, parameter in enumerate(parameters):
        # Not by index, which would create a missing entry.
        kept = optimizer.state.get(parameter, {})
        tensors |= {f"{place}/{name}": tensor for name, tensor in kept.items()}
    if isinstance(optimizer, Accumulating):
        tensors["batches"] = torch.tensor(optimizer.done)
        gradients = {
            f"{place}/gradient": each.grad
            for place, each in enumerate(parameters)
            if each.grad is not None
        }
        tensors |= gradients
        optimizer = optimizer.optimizer
    if isinstance(optimizer, Scaling):
        kept = optimizer.scaler.state_dict()
        tensors |= {
            f"scaler/{name}": torch.tensor(number)
            for name, number in kept.items()
        }
        optimizer = optimizer.optimizer
    for place, scheduler in enumerate(getattr(optimizer, "schedulers", [])):
        tensors[f"updates/{place}"] = torch.tensor(scheduler.last_epoch)
    return {
        name: tensor.numpy(force=True).copy()
        for name, tensor in tensors.items()
    }


def set_state(
    model: nn.Module, optimizer: torch.optim.Optimizer, state: Arrays
) -> None:
    """Copy in the state from `get_state` of a model of the same kind.

    Raises:
        ValueError: the model was of another kind.
    """
    tensors = {name: torch.tensor(array) for name, array in state.items()}
    parameters = list(model.parameters())
    for name, array in state.items():
        number, _, kind = name.partition("/")
        if number.isdecimal() and kind != "step":
            # PyTorch would accept an array of any shape.
            own = parameters[int(number)].numpy(force=True)
            require_like(name, array, own)
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
        optimizer.done = int(tensors["batches"])
        optimizer = optimizer.optimizer
    if isinstance(optimizer, Scaling):
        names = optimizer.scaler.state_dict()
        optimizer.scaler.load_state_dict(
            {name: tensors[f"scaler/{name}"].item() for name in names}
        )
        optimizer = optimizer.optimizer
    for place, scheduler in enumerate(getattr(optimizer, "schedulers", [])):
        scheduler.last_epoch = tensors[f"updates/{place}"].item()


def learn_in_pieces(
    learn: Learner,
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    checkpoints: Checkpoints,
) -> Learner:
    """A function like `learn` that saves on the way and continues from there.

    Args:
        learn: takes images, labels and the rows [k] to learn from, in order.
        model: the network that `learn` changes; it is saved.
        optimizer: likewise.
        checkpoints: say where to cut the rows and where to begin.
    """

    def learn_pieces(train_set: Tensors, order: np.ndarray) -> Tensors:
        for number, rows in enumerate(checkpoints.pieces(order)):
            if number:
                state = get_state(model, optimizer)
                checkpoints.save(get_weights(model), state)
            losses, correct = learn(train_set, rows)
            checkpoints.add_batches(
                losses.cpu().numpy(), correct.cpu().numpy()
            )
        # With those from before the interruption.
        done = checkpoints.batches
        return torch.from_numpy(done["losses"]), torch.from_numpy(
            done["correct"]
        )

    return learn_pieces
