"""Gradient accumulation: several batches for one update, as if one large."""

import torch


# Its methods lack the arguments that `train_step` does not give.
class Accumulating(torch.optim.Optimizer):
    """An optimizer around another one that updates once in so many steps."""

    def __init__(self, optimizer: torch.optim.Optimizer, batches: int) -> None:
        # Gives it hooks of its own, which are called after every batch.
        super().__init__(optimizer.param_groups, {})
        self.optimizer, self.batches, self.done = optimizer, batches, 0
        # Not of its own but the other's, so that schedules and checkpoints
        # find what they look for.
        self.param_groups, self.state = optimizer.param_groups, optimizer.state

    def zero_grad(self) -> None:  # type: ignore[override]
        """Forget the gradients, but only those that were used."""
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
    """Let each update average the gradients of so many batches."""
    if batches == 1:
        return optimizer
    return Accumulating(optimizer, batches)  # DIFF-33
