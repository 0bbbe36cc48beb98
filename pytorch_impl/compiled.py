"""Step 7: the same learning, fast: compiled as a whole."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
import torch._dynamo
from torch import nn
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor.cpp_builder import get_cpp_compiler
from torch.func import functional_call, grad_and_value

from shared.batches import split_rows
from shared.clock import Clock
from shared.compilers import unusable
from shared.config import TrainConfig
from shared.errors import UsageError

from .loss import compute_loss, count_correct
from .train import Tensors

Named = dict[str, torch.Tensor]


def create_moments(optimizer: torch.optim.Optimizer) -> None:
    """Give Adam its means and its count, as the first `optimizer.step()` does.

    The count stays on the CPU, where `bias_corrections` reads it.
    """
    for parameter in optimizer.param_groups[0]["params"]:
        moments = {
            name: torch.zeros_like(parameter)
            for name in ("exp_avg", "exp_avg_sq")
        }
        for moment in moments.values():
            # A CUDA graph may write only to memory that stays in place.
            torch._dynamo.mark_static_address(moment)
        optimizer.state[parameter] = {"step": torch.tensor(0.0), **moments}


def bias_corrections(
    optimizer: torch.optim.Optimizer, steps: int
) -> torch.Tensor:
    """The factors of Adam's next steps: [steps, 2].

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015),
    Algorithm 1.
    """
    state = next(iter(optimizer.state.values()))
    step = int(state["step"]) + np.arange(1, steps + 1)
    beta_1, beta_2 = optimizer.param_groups[0]["betas"]
    corrections = np.stack(
        [1 / (1 - beta_1**step), 1 / np.sqrt(1 - beta_2**step)], axis=1
    )
    return torch.from_numpy(corrections).to(state["exp_avg"])


def whole_step(
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    rows: torch.Tensor,
    correction: torch.Tensor,
    compute_loss: Callable[..., torch.Tensor],
) -> Tensors:
    """Like `train_step`, for these rows [batch] of the training set.

    Args:
        correction: [2], a row of `bias_corrections`.
    """

    def forward(weights: Named) -> tuple:
        # Copies, because a differentiated function may not change anything
        # outside it.
        buffers = {
            name: buffer.clone() for name, buffer in model.named_buffers()
        }
        logits = functional_call(model, (weights, buffers), images[rows])
        return compute_loss(logits, labels[rows]), (logits, buffers)

    weights: Named = dict(model.named_parameters())
    # `loss.backward()` would end the program.
    differentiate = grad_and_value(forward, has_aux=True)  # DIFF-26
    gradients, (loss, (logits, buffers)) = differentiate(weights)
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    group = optimizer.param_groups[0]
    beta_1, beta_2 = group["betas"]
    # In place of `optimizer.step()`, which would end the program too.
    for name, parameter in weights.items():  # DIFF-26
        m, v = (
            optimizer.state[parameter][moment]
            for moment in ("exp_avg", "exp_avg_sq")
        )
        m.lerp_(gradients[name], 1 - beta_1)
        v.mul_(beta_2).addcmul_(
            gradients[name], gradients[name], value=1 - beta_2
        )
        denominator = correction[1] * v.sqrt() + group["eps"]
        parameter.sub_(group["lr"] * correction[0] * m / denominator)
    return loss, count_correct(logits, labels[rows])


def repeat_step(
    step: Callable[..., Tensors],
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    batches: torch.Tensor,
    corrections: torch.Tensor,
    first: torch.Tensor,
    last: torch.Tensor,
) -> Tensors:
    """Like `train_steps`, with a Python loop around the step."""
    losses = images.new_zeros(len(batches))
    correct = labels.new_zeros(len(batches))
    for place in range(first, last):
        chosen = batches[place], corrections[place]
        losses[place], correct[place] = step(
            model, optimizer, images, labels, *chosen
        )
    return losses, correct


def train_steps(
    step: Callable[..., Tensors],
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    batches: torch.Tensor,
    corrections: torch.Tensor,
    first: torch.Tensor,
    last: torch.Tensor,
) -> Tensors:
    """Take `step` with each of `batches[first:last]`, rows [steps, batch].

    Args:
        corrections: [steps, 2], from `bias_corrections`.
        first: [1].
        last: [1], exclusive.

    Returns:
        The results of each step, at its place: losses [steps], numbers of
        correct predictions.
    """
    losses = images.new_zeros(len(batches))
    correct = labels.new_zeros(len(batches))

    # `place` is [1]: a tensor without dimensions would become a Python number
    # and end the program.
    def take_step(place: torch.Tensor) -> tuple[torch.Tensor]:
        chosen = batches[place][0], corrections[place][0]
        losses[place], correct[place] = step(
            model, optimizer, images, labels, *chosen
        )
        return (place + 1,)

    # The program contains the loop, so one call makes many steps.
    torch.while_loop(
        lambda place: (place < last)[0], take_step, (first,)
    )  # DIFF-26
    return losses, correct


def add_bias_apart(graph: torch.fx.Graph) -> None:
    """Split each `addmm` into a product and a sum, which can be fused.

    An `addmm` would first copy the bias to each row of its result.
    """
    aten = torch.ops.aten
    for node in graph.find_nodes(
        op="call_function", target=aten.addmm.default
    ):
        bias, left, right = node.args
        with graph.inserting_before(node):
            product = graph.call_function(aten.mm.default, (left, right))
        product.meta.update(node.meta)
        node.target, node.args = aten.add.Tensor, (product, bias)


# Options that `torch.compile` leaves off on a CPU; docs/PERFORMANCE.md says
# what each gains.
ON_CPU = {
    # Not only the operations but also the loop becomes C++.
    "cpp_wrapper": True,
    # Distributing fewer numbers among threads takes longer than it saves.
    "cpp.min_chunk_size": 8192,
    "post_grad_custom_post_pass": add_bias_apart,
}
# The mode "reduce-overhead", and one thing more.
ON_GPU = {
    # All kernels of a step in one call.
    "triton.cudagraphs": True,
    # Else each process times kernels that round differently, and takes the
    # fastest: the same training would not give the same weights.
    "deterministic": True,
}


@cache
def compile_steps(
    compute_loss: Callable[..., torch.Tensor],
) -> tuple[Callable[..., Tensors], Callable[..., Tensors]]:
    """`train_steps`, compiled for full batches, not for a smaller last one.

    Raises:
        UsageError: nothing can be compiled here.
    """
    step = partial(whole_step, compute_loss=compute_loss)
    compiled = partial(torch.compile, fullgraph=True, dynamic=False)
    try:
        get_cpp_compiler()
        on_cpu = compiled(partial(train_steps, step), options=ON_CPU)
        # A CUDA graph can't contain the loop, which asks the host whether to
        # continue.
        on_gpu = partial(repeat_step, compiled(step, options=ON_GPU))
    except RuntimeError as error:
        raise unusable("torch.compile", error) from error

    def steps(
        model: nn.Sequential,
        optimizer: torch.optim.Optimizer,
        images: torch.Tensor,
        *rest: torch.Tensor,
    ) -> Tensors:
        try:
            return (on_cpu if images.is_cpu else on_gpu)(
                model, optimizer, images, *rest
            )
        except BackendCompilerFailed as error:
            raise unusable("torch.compile", error) from error

    return steps, partial(repeat_step, step)  # DIFF-12


@torch.no_grad()  # DIFF-23
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
        The results of each step: losses [steps], numbers of correct
        predictions [steps].

    Raises:
        UsageError: nothing can be compiled here.
    """
    model.train()  # DIFF-10
    if not optimizer.state:
        create_moments(optimizer)  # DIFF-26
    for tensor in train_set:
        # Otherwise a CUDA graph would copy all of it in each step.
        torch._dynamo.mark_static_address(tensor)
    done = []
    for steps, rows in zip(
        compile_steps(compute_loss), split_rows(order, batch_size), strict=True
    ):
        batches = torch.from_numpy(rows).to(train_set[0].device)
        corrections = bias_corrections(optimizer, len(batches))  # DIFF-26
        for first, last in clock.spans(len(batches)):
            # As tensors, because a Python number would be part of the program.
            span = torch.tensor([first]), torch.tensor([last])  # DIFF-12
            losses, correct = steps(
                model, optimizer, *train_set, batches, corrections, *span
            )
            done.append((losses[first:last], correct[first:last]))
        for state in optimizer.state.values():
            state["step"] += len(batches)  # DIFF-26
    all_losses, all_correct = zip(*done, strict=True)
    return torch.cat(all_losses), torch.cat(all_correct)


def refuse_uncompiled(config: TrainConfig) -> None:
    """Raise UsageError if the request includes something not compiled."""
    if config.pipeline != "arrays":
        raise UsageError(
            f"--pipeline {config.pipeline}: expected arrays with the variant "
            "compiled, whose program picks the rows of a batch itself."
        )
    if not config.plain_updates:
        raise UsageError(
            "pytorch/compiled: expected --optimizer adam with a constant "
            "learning rate, and no weight decay, clipping, accumulation or "
            "float16, because its program contains just that."
        )
