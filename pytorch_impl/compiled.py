"""Step 7: the same learning, fast: compiled, from the rows of a batch to the new weights."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
import torch._dynamo
from torch import nn
from torch._inductor.cpp_builder import get_cpp_compiler

from shared.batches import split_rows
from shared.clock import Clock
from shared.config import UsageError

from .loss import compute_loss, count_correct
from .train import Tensors


def create_moments(optimizer: torch.optim.Optimizer) -> None:
    """Give Adam its state, as `optimizer.step()` does when it is called for the first time."""
    for parameter in optimizer.param_groups[0]["params"]:
        moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        for moment in moments.values():
            # Or a CUDA graph would copy it in every call.
            torch._dynamo.mark_static_address(moment)
        optimizer.state[parameter] = {"step": torch.tensor(0.0), **moments}


def bias_corrections(optimizer: torch.optim.Optimizer, steps: int) -> torch.Tensor:
    """What Adam's next steps divide by: [steps, 2], 1 - beta_1^t and the root of 1 - beta_2^t.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), Algorithm 1.
    """
    state = next(iter(optimizer.state.values()))
    step = int(state["step"]) + np.arange(1, steps + 1)
    beta_1, beta_2 = optimizer.param_groups[0]["betas"]
    corrections = np.stack([1 - beta_1**step, np.sqrt(1 - beta_2**step)], axis=1)
    return torch.from_numpy(corrections).to(state["exp_avg"])


def whole_step(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    rows: torch.Tensor,
    corrections: torch.Tensor,
    compute_loss: Callable[..., torch.Tensor],
) -> Tensors:
    """Do what `train_step` does, in one program, for these rows [batch] of the training set."""
    logits = model(images[rows])
    loss = compute_loss(logits, labels[rows])
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(loss, parameters)
    group = optimizer.param_groups[0]
    beta_1, beta_2 = group["betas"]
    # `optimizer.step()` would end the program; this is what it does.  # DIFF-26
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            m, v = (optimizer.state[parameter][name] for name in ("exp_avg", "exp_avg_sq"))
            m.lerp_(gradient, 1 - beta_1)
            v.mul_(beta_2).addcmul_(gradient, gradient, value=1 - beta_2)
            denominator = v.sqrt() / corrections[1] + group["eps"]
            parameter.sub_(group["lr"] / corrections[0] * m / denominator)
    return loss.detach(), count_correct(logits, labels[rows])


def train_steps(
    step: Callable[..., Tensors],
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    batches: torch.Tensor,
    first: int,
    last: int,
) -> Tensors:
    """Take `step` with each of `batches[first:last]`, rows of the training set [steps, batch].

    Returns:
        What each step returned: losses [last - first], numbers of correct predictions.
    """
    if not optimizer.state:
        create_moments(optimizer)
    losses, correct = [], []
    corrections = bias_corrections(optimizer, last - first)
    for rows, correction in zip(batches[first:last], corrections, strict=True):
        batch_loss, batch_correct = step(model, optimizer, images, labels, rows, correction)
        # Copies, because a CUDA graph writes to the same memory in each call.
        losses.append(batch_loss.clone())
        correct.append(batch_correct.clone())
    for state in optimizer.state.values():
        state["step"] += last - first
    return torch.stack(losses), torch.stack(correct)


@cache
def compile_steps(
    compute_loss: Callable[..., torch.Tensor],
) -> tuple[Callable[..., Tensors], Callable[..., Tensors]]:
    """`train_steps` for batches of the usual size, compiled, and for a smaller last one, not.

    Raises:
        UsageError: nothing can be compiled here.
    """
    # Lets a program contain its own backward pass.
    torch._dynamo.config.trace_autograd_ops = True
    plain = partial(whole_step, compute_loss=compute_loss)
    try:
        get_cpp_compiler()
        # One step a program, because the compiler would unroll a loop over many.  # DIFF-26
        step = torch.compile(plain, fullgraph=True, dynamic=False, mode="reduce-overhead")
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"torch.compile cannot be used here: {reason}") from error
    return partial(train_steps, step), partial(train_steps, plain)


def train_epoch(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    train_set: Tensors,
    order: np.ndarray,
    batch_size: int,
    clock: Clock,
    compute_loss: Callable[..., torch.Tensor] = compute_loss,
) -> Tensors:
    """Learn from all images once, in the given order [n].

    Returns:
        What each step returned: losses [steps], numbers of correct predictions [steps].

    Raises:
        UsageError: nothing can be compiled here.
    """
    model.train()  # DIFF-10
    done = []
    for steps, rows in zip(compile_steps(compute_loss), split_rows(order, batch_size), strict=True):
        batches = torch.from_numpy(rows).to(train_set[0].device)
        for first, last in clock.spans(len(batches)):
            done.append(steps(model, optimizer, *train_set, batches, first, last))
    losses, correct = zip(*done, strict=True)
    return torch.cat(losses), torch.cat(correct)
