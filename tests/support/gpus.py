"""An implementation whose device has no float64 and, once the CPU was chosen, is not to be had.

`python -m tests.support.gpus PACKAGE VARIANTS FLOAT_TYPES FLAGS` sends traces as
`python -m comparison.tracing` does. The arithmetic is NumPy's.
"""

import sys

from comparison import tracing
from numpy_impl import device, run
from shared.errors import UsageError

chosen: list[str] = []


def choose_device(name, float_type):
    """As on a Mac, where `mps` computes in float32 only."""
    found = {"float32": "mps", "float64": "cpu"}[float_type] if name == "auto" else name
    if found == "cuda" or (found, float_type) == ("mps", "float64"):
        raise UsageError(f"--device {name}: there is no such device for {float_type} here.")
    return found


def use_device(name, float_type):
    """Choose a device and compute there, as TensorFlow does: never again on another one."""
    chosen.append(choose_device(name, float_type))
    assert len(set(chosen)) == 1, "computes on the first device, whatever it says"
    return chosen[-1]


if __name__ == "__main__":
    device.choose_device, run.choose_device = choose_device, use_device
    sys.exit(tracing.main())
