"""Compiled training is one program for all spans of an epoch, and draws anew in each step.

Each framework does it in a process of its own: `python -m tests.twins.test_compiled pytorch` prints
what it found as JSON, and so does `python -m tests.twins.test_compiled tensorflow`.
"""

import importlib
import json
import os
import sys

import numpy as np
import pytest

from shared.clock import Clock
from shared.config import TrainConfig
from shared.threads import NO_CACHE_VARIABLE, prepare_environment
from tests.support.commands import run_command

STEPS, BATCH = 6, 64


def count_in_pytorch(compiled, optimizer) -> dict[str, object]:
    """The programs that torch.compile has made in this process, and Adam's counts of steps."""
    from torch._dynamo.utils import counters

    steps = [int(state["step"]) for state in optimizer.state.values()]
    return {"programs": counters["stats"]["unique_graphs"], "steps": steps}


def count_in_tensorflow(compiled, optimizer) -> dict[str, object]:
    """How often the steps of an epoch were traced, and Adam's count of steps."""
    from tensorflow_impl.loss import compute_loss

    steps, _ = compiled.compile_steps(compute_loss)
    return {
        "programs": steps.experimental_get_tracing_count(),
        "steps": [int(optimizer.iterations)],
    }


COUNT = {"pytorch": count_in_pytorch, "tensorflow": count_in_tensorflow}


def repeat_one_batch(name: str) -> dict[str, object]:
    """Learn next to nothing from the same images again and again.

    Returns:
        The programs compiled, the optimizer's counts of steps, and the losses of each epoch.
    """
    os.environ.setdefault(NO_CACHE_VARIABLE, "0")
    prepare_environment(1)
    from shared.sampling import load_configured

    run, compiled = (
        importlib.import_module(f"{name}_impl.{module}") for module in ("run", "compiled")
    )
    # So small a rate is lost to rounding: the weights stay as they are.
    config = TrainConfig(dataset="digits", learning_rate=1e-30, dropout=0.5, threads=1)
    _, model, optimizer, train_set, _ = run.build(config, load_configured(config))
    order = np.tile(np.arange(BATCH), STEPS)
    losses = []
    # The first call is a step of its own, so that its end can be timed.
    clock = Clock()
    for _ in range(2):
        epoch, _ = compiled.train_epoch(model, optimizer, train_set, order, BATCH, clock)
        losses.append(np.asarray(epoch).tolist())
    return COUNT[name](compiled, optimizer) | {"losses": losses}


@pytest.mark.parametrize("name", COUNT)
def test_an_epoch_is_one_program(name, warm, tmp_path):
    done = warm(name).run("-m", "tests.twins.test_compiled", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["programs"] == 1
    assert set(found["steps"]) == {2 * STEPS}
    # Same weights, same images: only the units that are dropped differ, and in every step anew.
    losses = np.ravel(found["losses"])
    assert len(set(losses)) == len(losses) == 2 * STEPS


def test_a_gpu_gets_the_same_kernels_in_every_process(tmp_path):
    """Played on the CPU: what is compiled for a GPU is asked to be chosen without timing it."""
    script = """
import torch
asked = []
torch.compile = lambda program, **given: asked.append(given["options"]) or program
from pytorch_impl import compiled
compiled.compile_steps(compiled.compute_loss)
for options in asked:
    print(options.get("triton.cudagraphs", False), options.get("deterministic", False))
"""
    done = run_command("-c", script, cwd=tmp_path)
    assert sorted(done.stdout.splitlines()) == ["False False", "True True"], done.stderr


if __name__ == "__main__":
    print(json.dumps(repeat_one_batch(sys.argv[1])))
