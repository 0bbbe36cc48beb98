"""What an implementation hands to the commands, in the order in which they ask for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.initial_weights import Weights
from shared.results import InferenceResult

INFERENCE_BATCHES = (1, 64, 1000)

# Images [n, 784] -> logits [n, 10], both NumPy's.
Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Trained:
    """What `run` returns at the end of a training.

    `weights` as in `initial_weights`; `predict` computes with them; `peak_device_memory_bytes` of a
    GPU, None where there is none or the framework can't say.
    """

    framework_version: str
    device: str
    weights: Weights
    predict: Predict
    peak_device_memory_bytes: int | None


@dataclass(frozen=True)
class Evaluated:
    """What `evaluate_trained` returns; `accuracy` is a fraction, `logits` [n, 10]."""

    framework_version: str
    device: str
    loss: float
    accuracy: float
    logits: np.ndarray


@dataclass(frozen=True)
class Predicted:
    """What `predict_trained` returns; `probabilities` [n, 10]."""

    framework_version: str
    device: str
    probabilities: np.ndarray


@dataclass(frozen=True)
class Exporter:
    """One format in `EXPORTERS`: the file's name, and what writes it.

    `write(model, path)` returns a function that predicts with the file read back.
    """

    file: str
    write: Callable[[Any, Path], Predict]


@dataclass(frozen=True)
class Layer:
    """One layer, in the list that `summarize` returns; the shape is that of one image's output."""

    kind: str
    """What the framework calls it."""
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Operator:
    """What was called under one name, in the list that `profile_epoch` returns."""

    name: str
    calls: int
    seconds: float
    """Its own, without what it called."""


@dataclass(frozen=True)
class Span:
    """One call on one thread, in seconds, from which operators' own times are made."""

    name: str
    thread: str
    start: float
    seconds: float


def measure_inference(
    predict: Predict,
    images: np.ndarray,
    seconds: float = 0.05,
    batch_sizes: tuple[int, ...] = INFERENCE_BATCHES,
) -> list[InferenceResult]:
    """Time `predict` at several batch sizes: images [n, 784].

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
