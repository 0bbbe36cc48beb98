"""What PyTorch does on other systems, played here: a GPU without float64, workers that are spawned.

`python -m tests.twins.test_devices CASE` does it in a process that has PyTorch.
"""

import multiprocessing
import sys
from dataclasses import replace

import numpy as np

from shared.clock import Clock
from shared.sampling import load_configured
from tests.support.techniques import BASE, EQUAL, UNEQUAL

# Whatever brings numbers of its own to the device.
CASES_ON_DEVICES = (
    EQUAL["adamw in accumulated, clipped steps"],
    EQUAL["rmsprop with balanced classes"],
    EQUAL["adagrad in three layers, one-hot"],
    UNEQUAL["float16"],
)


def train_without_float64() -> None:
    """Train with techniques where, as on Apple's GPUs, no tensor of a device is a float64."""
    import torch
    from torch.overrides import TorchFunctionMode

    from pytorch_impl import run

    class Device(TorchFunctionMode):
        """Refuses what is made or computed in float64."""

        # What stays on the CPU; and what torch's scaler of gradients does elsewhere only.
        fine = (torch.from_numpy, torch.Tensor.double, torch.Tensor.reciprocal)

        def __torch_function__(self, function, types, arguments=(), known=None):
            outcome = function(*arguments, **(known or {}))
            if function not in self.fine and getattr(outcome, "dtype", None) == torch.float64:
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
            return outcome

    for case in CASES_ON_DEVICES:
        config = replace(BASE, **case | {"float_type": "float32", "epochs": 1})
        dataset = load_configured(config)
        built = run.build(config, dataset)
        with Device():
            list(run.learn_in_epochs(config, "eager", dataset, built, Clock()))


def count_workers() -> None:
    """The worker processes of two epochs, where they are spawned and where they are forked."""
    import torch

    from pytorch_impl.techniques import pipeline

    pixels, labels = np.zeros((40, 784), np.uint8), np.arange(40)
    for method in ("spawn", "fork"):
        pipeline.get_start_method = lambda method=method: method
        make_batches = pipeline.make_pipeline(pixels, labels, 0.5, 0.5, torch.device("cpu"))
        seen = []
        for order in (labels, labels[::-1].copy()):
            batches = make_batches(None, None, order, 16)
            sizes, found = zip(*[(len(images), rows) for images, rows in batches], strict=True)
            assert sizes == (16, 16, 8)
            assert torch.cat(found).tolist() == order.tolist()
            seen.append({child.pid for child in multiprocessing.active_children()})
        print(method, len(seen[0]), seen[0] == seen[1])


CASES = {"float64": train_without_float64, "workers": count_workers}


def test_no_technique_wants_float64_of_a_gpu_that_has_none(warm, tmp_path):
    done = warm("pytorch").run("-m", "tests.twins.test_devices", "float64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_workers_that_are_spawned_stay_from_epoch_to_epoch(warm, tmp_path):
    done = warm("pytorch").run("-m", "tests.twins.test_devices", "workers", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "spawn 2 True\nfork 0 True\n"


if __name__ == "__main__":
    CASES[sys.argv[1]]()
