"""One run of one implementation: train, test, save, and tell whoever asked."""

import contextlib
import importlib
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import msgspec
import numpy as np
from safetensors.numpy import save

from shared.checkpoints import open_checkpoints
from shared.clock import Clock
from shared.config import IMPLEMENTATIONS, TrainConfig
from shared.datasets import Dataset, prepare_dataset
from shared.environment import peak_memory_bytes
from shared.initial_weights import Weights, learned
from shared.results import EpochResult, Event, InferenceResult, RunResult, write_atomically
from shared.sampling import load_configured
from shared.weights_file import dump_weights

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


def kept_epoch(epochs: Sequence[EpochResult], config: TrainConfig) -> EpochResult:
    """The epoch whose weights are kept: the last, or with early stopping the best."""
    if config.patience is None:
        return epochs[-1]
    best = epochs[0]
    for epoch in epochs:
        if epoch.validation_loss < best.validation_loss - config.min_delta:
            best = epoch
    return best


class Diverged(Exception):
    """The loss is no longer a finite number."""


def train_and_save(
    name: str,
    variant: str,
    config: TrainConfig,
    dataset: Dataset,
    clock: Clock,
    folder: Path,
    slug: str,
    listen: Callable[[EpochResult], None],
) -> RunResult:
    """Run `name/variant`; write `slug.safetensors` and `slug.predictions.safetensors`.

    Args:
        listen: told of each epoch when it ends.

    Returns:
        The result, whether the run completed, diverged, was interrupted or could not start
        because its framework is not installed.

    Raises:
        UsageError: the device asked for is not there, or checkpoints stand in the way.
    """
    implementation = IMPLEMENTATIONS[name]
    result = RunResult(
        f"{name}/{variant}",
        implementation.framework,
        variant,
        config.seed,
        config.threads,
        config.batch_size,
    )

    checkpoints, begun = open_checkpoints(config, result.run, slug, dataset), None
    if checkpoints:
        begun = len(checkpoints.epochs) + 1 if checkpoints.steps_in_epoch else None
        result.notices, result.epochs = checkpoints.notices, list(checkpoints.epochs)
        result.resumed_from_step = checkpoints.steps or None
        for notice in result.notices:
            print(notice, file=sys.stderr)

    def record(epoch: EpochResult) -> None:
        if not math.isfinite(epoch.train_loss + epoch.test_loss):
            raise Diverged(
                f"the loss was no longer a finite number in epoch {epoch.epoch}; "
                f"try a smaller --learning-rate than {config.learning_rate:g}"
            )
        result.epochs.append(epoch)
        reached = epoch.test_accuracy >= config.target_accuracy
        whole = result.resumed_from_step is None
        if reached and whole and result.time_to_target_seconds is None:
            result.time_to_target_seconds = clock.read()
        listen(epoch)

    try:
        with clock.phase("import"), native_chatter_held_back():
            package = importlib.import_module(f"{implementation.package}.run")
        trained = drain(package.run(config, variant, dataset, clock, checkpoints), record)
    except ModuleNotFoundError as error:
        if error.name not in (implementation.framework, "keras"):
            raise
        result.status = "unavailable"
        result.error = (
            f"{error.name} is not installed for {sys.executable}; "
            f"install it there, or name another interpreter with --python {name}=PATH"
        )
    except Diverged as error:
        result.status, result.error = "diverged", str(error)
    except KeyboardInterrupt:
        result.status = "interrupted"
        result.error = f"ended after epoch {len(result.epochs)} of {config.epochs}"
    else:
        result.status = "completed"
        result.framework_version, result.device = trained.framework_version, trained.device
        result.parameters = sum(trained.weights[name].size for name in learned(trained.weights))
        kept = kept_epoch(result.epochs, config)
        result.test_loss, result.test_accuracy = kept.test_loss, kept.test_accuracy
        result.inference = trained.inference
        result.peak_device_memory_bytes = trained.peak_device_memory_bytes
        result.weights = f"{slug}.safetensors"
        result.predictions = f"{slug}.predictions.safetensors"
        write_atomically(folder / result.weights, dump_weights(trained.weights, name, config))
        write_atomically(folder / result.predictions, save({"logits": trained.test_logits}))
    result.set_speed(len(dataset.train_labels), clock.seconds["first_step"], begun)
    result.peak_memory_bytes = peak_memory_bytes()
    clock.switch("other")
    result.phases, result.wall_seconds = dict(clock.seconds), clock.wall_seconds()
    result.time_to_first_step_seconds = clock.time_to_first_step
    return result


def run_as_child(
    name: str, variant: str, config: TrainConfig, folder: Path, slug: str, clock: Clock
) -> NoReturn:
    """Run for a comparison, one Event in JSON a line on standard output; then end the process."""
    # What frameworks print belongs in the log, not between the events.
    events, sys.stdout = sys.stdout, sys.stderr

    def send(event: Event) -> None:
        print(msgspec.json.encode(event).decode(), file=events, flush=True)

    dataset = load(config, clock)
    result = train_and_save(
        name, variant, config, dataset, clock, folder, slug, lambda epoch: send(Event(epoch=epoch))
    )
    send(Event(run=result))
    sys.stderr.flush()
    # All is said and saved; the frameworks would take up to a second to clean up behind them.
    os._exit(0 if result.status == "completed" else 1)


@contextlib.contextmanager
def native_chatter_held_back() -> Iterator[None]:
    """Keep what native libraries write to standard error, and show it only if the block fails.

    TensorFlow's announce themselves on import, before any setting reaches them. Whoever sets
    TF_CPP_MIN_LOG_LEVEL to 0 or 1 sees everything.
    """
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("0", "1"):
        yield
        return
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(standard_error, chatter.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


def prepare(config: TrainConfig) -> tuple[TrainConfig, str | None]:
    """Make sure that the dataset is there, downloading it if need be.

    Returns:
        The configuration with the dataset's name settled, and what the user has to be told if it
        is not the one that was meant.

    Raises:
        UsageError: the dataset can't be had.
    """
    wanted = None if config.dataset == "auto" else config.dataset
    chosen, notice = prepare_dataset(wanted, config.data_dir, offline=config.offline)
    return replace(config, dataset=chosen), notice


def load(config: TrainConfig, clock: Clock) -> Dataset:
    """Read the dataset that is already there, booked to the phase `data`."""
    with clock.phase("data"):
        return load_configured(config)


def drain(
    epochs: Generator[EpochResult, None, Trained], record: Callable[[EpochResult], None]
) -> Trained:
    """Pass each epoch's figures to `record`; return what the generator returns."""
    while True:
        try:
            epoch = next(epochs)
        except StopIteration as stop:
            return stop.value
        record(epoch)
