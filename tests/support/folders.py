"""Folders as comparisons leave them, with results.json and the files that it names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.initial_weights import initial_weights
from shared.results import ComparisonResult, Floor, InferenceResult, RunResult
from shared.results_file import save_results
from tests.support.results import make_result, make_run, make_verification

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}"


def make_dataset() -> Dataset:
    """Fifty test images of noise, of each class five."""
    return Dataset(
        name="digits",
        train_images=np.zeros((1437, 784), np.float32),
        train_labels=np.zeros(1437, np.int64),
        test_images=np.random.default_rng(0).normal(size=(50, 784)).astype(np.float32),
        test_labels=np.arange(50) % 10,
        class_names=("zero", "one", "two", "three", *"456789"),
        mean=0.5,
        deviation=0.25,
        sha256={},
    )


def save_files(run: RunResult, dataset: Dataset, folder: Path, wrong: int = 0) -> None:
    """Predictions, of which the first `wrong` are wrong, and weights."""
    answers = dataset.test_labels.copy()
    answers[:wrong] = (answers[:wrong] + 1) % 10
    save_file({"logits": 4 * np.eye(10, dtype=np.float32)[answers]}, folder / run.predictions)
    run.weights = run.predictions.replace(".predictions", "")
    save_file(initial_weights(TrainConfig.hidden, seed=wrong), folder / run.weights)
    run.inference = [InferenceResult(1, 1e-3, 2e-3), InferenceResult(64, 2e-3, 9e-3)]


def make_folder(folder: Path, dataset: Dataset, *runs: RunResult, **others) -> ComparisonResult:
    """A folder as a comparison leaves it, with results.json and the files that it names."""
    folder.mkdir(exist_ok=True)
    for number, run in enumerate(runs):
        if run.status == "completed":
            save_files(run, dataset, folder, wrong=2 * number)
    result = make_result(dataset, *runs, **others)
    save_results(result, folder / "results.json")
    return result


def swept() -> tuple[list[RunResult], list[Floor]]:
    """Two runs in two repeats at two batch sizes, and the floor of each size."""
    runs = [
        replace(make_run(name, seed, speed), batch_size=size, setting=setting, repeat=seed)
        for setting, size in enumerate((64, 256))
        for seed in (0, 1)
        for name, speed in (("pytorch/eager", 0.5), ("tensorflow/fit", 1.0 + seed / 10))
    ]
    for run in runs:
        run.predictions = f"{run.batch_size}-{run.predictions}"
        run.energy_joules, run.foreign_cpus, run.time_to_target_seconds = 123.0, 0.25, 4.5
        if run.batch_size == 256:
            run.samples_per_second = 9999.0
    floors = [
        Floor("NumPy", size, [seconds], setting, repeat)
        for setting, size in enumerate((64, 256))
        for repeat, seconds in enumerate((0.1, 0.3))
    ]
    return runs, floors


def make_whole(folder: Path, dataset: Dataset) -> ComparisonResult:
    """A comparison that has everything: repeats, batch sizes, floors and a verification."""
    runs, floors = swept()
    more = {"settings": [{"batch_size": 64}, {"batch_size": 256}], "floors": floors}
    return make_folder(folder, dataset, *runs, verification=make_verification(True), **more)
