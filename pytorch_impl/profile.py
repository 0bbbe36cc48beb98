"""`python -m pytorch_impl profile`: where a training step's time goes."""

from pathlib import Path

import torch
import torch._inductor.config

from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.trained import Operator

from .run import build, learn_in_epochs


def profile_epoch(
    config: TrainConfig, variant: str, dataset: Dataset, path: Path
) -> list[Operator]:
    """Train for three epochs; write a Chrome trace of the last to `path`."""
    torch._inductor.config.cpp.enable_kernel_profile = True
    built = build(config, dataset)
    epochs = learn_in_epochs(config, variant, dataset, built, Clock())
    next(epochs), next(epochs)
    with torch.profiler.profile() as profiler:
        next(epochs)
    profiler.export_chrome_trace(str(path))
    return [
        Operator(
            event.key,
            event.count,
            # A GPU's kernels have no time on the CPU.
            (event.self_cpu_time_total + event.self_device_time_total) / 1e6,
        )
        for event in profiler.key_averages()
    ]
