"""Compiled training is one program for all spans of an epoch, and draws anew in each step.

Each framework does it in a process of its own: `python -m tests.test_compiled pytorch` prints what
it found as JSON, and so does `python -m tests.test_compiled tensorflow`.
"""

import importlib
import json
import os
import sys

import numpy as np
import pytest

from shared.clock import Clock
from shared.config import NO_CACHE_VARIABLE, TrainConfig, prepare_environment
from tests.commands import run_command

STEPS, BATCH = 6, 64


def count_pytorch_programs(compiled) -> int:
    """How many programs torch.compile has made in this process."""
    from torch._dynamo.utils import counters

    return counters["stats"]["unique_graphs"]


def count_tensorflow_programs(compiled) -> int:
    """How often the steps of an epoch were traced."""
    from tensorflow_impl.loss import compute_loss

    steps, _ = compiled.compile_steps(compute_loss)
    return steps.experimental_get_tracing_count()


def repeat_one_batch(name: str) -> dict[str, object]:
    """Learn nothing (at a learning rate of zero) from the same images again and again.

    Returns:
        The programs compiled, the optimizer's count of steps, and the losses of each epoch.
    """
    os.environ.setdefault(NO_CACHE_VARIABLE, "0")
    prepare_environment(1)
    from shared.sampling import load_configured

    run, compiled = (
        importlib.import_module(f"{name}_impl.{module}") for module in ("run", "compiled")
    )
    config = TrainConfig(dataset="digits", dropout=0.5, threads=1)
    _, model, optimizer, train_set, _ = run.build(config, load_configured(config))
    if name == "pytorch":
        optimizer.param_groups[0]["lr"] = 0.0
    else:
        optimizer.learning_rate = 0.0
    order = np.tile(np.arange(BATCH), STEPS)
    losses = []
    # The first call is a step of its own, so that its end can be timed.
    clock = Clock()
    for _ in range(2):
        epoch, _ = compiled.train_epoch(model, optimizer, train_set, order, BATCH, clock)
        losses.append(np.asarray(epoch).tolist())
    if name == "pytorch":
        programs = count_pytorch_programs(compiled)
        steps = [int(state["step"]) for state in optimizer.state.values()]
    else:
        programs = count_tensorflow_programs(compiled)
        steps = [int(optimizer.iterations)]
    return {"programs": programs, "steps": steps, "losses": losses}


@pytest.mark.parametrize("name", ["pytorch", "tensorflow"])
def test_an_epoch_is_one_program(name, tmp_path):
    done = run_command("-m", "tests.test_compiled", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["programs"] == 1
    assert set(found["steps"]) == {2 * STEPS}
    # Same weights, same images: only the units that are dropped differ, and in every step anew.
    losses = np.ravel(found["losses"])
    assert len(set(losses)) == len(losses) == 2 * STEPS


if __name__ == "__main__":
    print(json.dumps(repeat_one_batch(sys.argv[1])))
