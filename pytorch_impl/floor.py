"""The speed of matrix products alone, for `comparison.floor`."""

import time
from collections.abc import Callable

import torch

from shared.config import TrainConfig

from .device import choose_device, describe_device, synchronize

# A GPU's speeds are measured on square matrices and copies of these sizes,
# this often in a row.
SIDE, COPIED, IN_A_ROW = 8192, 2**28, 10


def measure_floor(
    config: TrainConfig,
    time_epochs: Callable[..., list[float]],
    roofline: Callable[[float, float], float],
    repeats: int,
) -> tuple[str, list[float]]:
    """The library's name and seconds per epoch, timed or what a GPU allows.

    Args:
        config: names the device and the float type.
        time_epochs: times `multiply(left, right, out=...)`, given first, with
            matrices that the second argument makes from rows and columns.
        roofline: seconds per epoch, from operations per second and elements
            read or written per second.
        repeats: measurements to make.

    Raises:
        UsageError: the device is not there.
    """
    device = choose_device(config.device, config.float_type)
    with torch.inference_mode():
        if device.type == "cpu":
            return "torch", time_epochs(torch.mm, torch.randn)
        # The first measurement warms up.
        speeds = [device_speeds(device) for _ in range(repeats + 1)][1:]
    seconds = [roofline(*measured) for measured in speeds]
    return f"torch, {describe_device(device)}", seconds


def device_speeds(device: torch.device) -> tuple[float, float]:
    """The speeds of large matrix products and large copies on `device`.

    Returns:
        Operations per second, and elements read or written per second.
    """

    def seconds_of(work: Callable[[], object]) -> float:
        work()
        synchronize(device)
        started = time.perf_counter()
        for _ in range(IN_A_ROW):
            work()
        synchronize(device)
        return (time.perf_counter() - started) / IN_A_ROW

    left, right, product = torch.randn(3, SIDE, SIDE, device=device)
    source = torch.zeros(COPIED, device=device)
    target = torch.empty_like(source)
    flops = 2 * SIDE**3
    return (
        flops / seconds_of(lambda: torch.mm(left, right, out=product)),
        # A copy reads and writes each element.
        2 * COPIED / seconds_of(lambda: target.copy_(source)),
    )
