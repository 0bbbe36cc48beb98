"""What an implementation hands back: what it trained, measured, exported, profiled."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.initial_weights import Weights
from shared.results import InferenceResult

INFERENCE_BATCHES = (1, 64, 1000)


@dataclass(frozen=True)
class Trained:
    """What an implementation's `run` returns.

    `weights` as in `initial_weights`; `test_logits` [n, 10], in the order of the test images.
    """

    framework_version: str
    device: str
    weights: Weights
    test_logits: np.ndarray
    inference: list[InferenceResult]
    peak_device_memory_bytes: int | None


def measure_inference(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    seconds: float = 0.05,
    batch_sizes: tuple[int, ...] = INFERENCE_BATCHES,
) -> list[InferenceResult]:
    """Time `predict`, from NumPy images to NumPy logits, at several batch sizes.

    Each size is called five times unmeasured, then until `seconds` have passed and at least a
    hundred times, so that there is a 99th percentile.
    """
    results = []
    for batch_size in batch_sizes:
        batch = images[:batch_size]
        for _ in range(5):
            predict(batch)
        durations: list[float] = []
        while len(durations) < 100 or sum(durations) < seconds:
            started = time.perf_counter()
            predict(batch)
            durations.append(time.perf_counter() - started)
        median, p99 = np.quantile(durations, (0.5, 0.99))
        results.append(InferenceResult(len(batch), float(median), float(p99)))
    return results


@dataclass(frozen=True)
class Evaluated:
    """What an implementation's `evaluate_trained` returns; `logits` [n, 10]."""

    framework_version: str
    device: str
    loss: float
    accuracy: float
    logits: np.ndarray


@dataclass(frozen=True)
class Predicted:
    """What an implementation's `predict_trained` returns; `probabilities` [n, 10]."""

    framework_version: str
    device: str
    probabilities: np.ndarray


Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Exporter:
    """One format: the file's name, and what writes it and returns how the file predicts."""

    file: str
    write: Callable[[Any, Path], Predict]


# What the frameworks call their layers, and the names that both get here.
KINDS = {
    "Linear": "dense",
    "Dense": "dense",
    "ReLU": "relu",
    "Dropout": "dropout",
    "BatchNorm1d": "batch_norm",
    "BatchNormalization": "batch_norm",
}


@dataclass(frozen=True)
class Layer:
    """One layer as its framework knows it; the shape is that of one image's output."""

    kind: str
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Operator:
    """What was called under one name: how often, and its own seconds, without what it called."""

    name: str
    calls: int
    seconds: float


@dataclass(frozen=True)
class Span:
    """One call on one thread, in seconds."""

    name: str
    thread: str
    start: float
    seconds: float
