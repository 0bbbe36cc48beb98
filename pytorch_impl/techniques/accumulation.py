"""Gradient accumulation: several batches make one update."""

import torch


# Its methods lack the arguments that `train_step` does not pass.
class Accumulating(torch.optim.Optimizer):
    """An optimizer around another one, which updates once in several steps."""

    def __init__(self, optimizer: torch.optim.Optimizer, batches: int) -> None:
        # Gives it its own hooks, which run after every batch.
        super().__init__(optimizer.param_groups, {})
        self.optimizer, self.batches, self.done = optimizer, batches, 0
        # The other optimizer's, so that schedules and checkpoints find what
        # they look for.
        self.param_groups, self.state = optimizer.param_groups, optimizer.state

    def zero_grad(self) -> None:  # type: ignore[override]
        """Clear the gradients, but only those that were used."""
        if self.done % self.batches == 0:
            self.optimizer.zero_grad()

    def step(self) -> None:  # type: ignore[override]
        """Update the weights, if these were enough batches."""
        self.done += 1
        if self.done % self.batches == 0:
            # `backward` has added them up.
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.grad /= self.batches
            self.optimizer.step()


def accumulate(
    optimizer: torch.optim.Optimizer, batches: int
) -> torch.optim.Optimizer:
    """Let each update average the gradients of several batches."""
    if batches == 1:
        return optimizer
    return Accumulating(optimizer, batches)  # DIFF-33
