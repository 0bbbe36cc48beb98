"""One run of one implementation: train, test, save, and tell whoever asked."""

import math
import os
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
from safetensors.numpy import save

from commands.twin import MissingFramework, import_twin
from shared import interrupts, workers
from shared.checkpoints import Checkpoints, open_checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.environment import peak_memory_bytes
from shared.errors import CheckpointError, UsageError
from shared.events import Event, encode_event
from shared.initial_weights import learned
from shared.probe import probe_after_epoch
from shared.registry import RUNS
from shared.results import EpochResult, RunResult, write_atomically
from shared.run_ends import SUFFIXES, RunEnd, Unwritten
from shared.sampling import load
from shared.streams import tell
from shared.trained import Predict, Trained, measure_inference
from shared.weights_file import dump_weights


def kept_epoch(epochs: Sequence[EpochResult], config: TrainConfig) -> EpochResult:
    """The epoch whose weights are kept: the last, or with early stopping the best."""
    if config.patience is None:
        return epochs[-1]
    best, lowest = epochs[-1], math.inf
    for epoch in epochs:
        if epoch.validation_loss is not None and epoch.validation_loss < lowest - config.min_delta:
            best, lowest = epoch, epoch.validation_loss
    return best


class Diverged(Exception):
    """The loss is no longer a finite number."""

    def __init__(self, epoch: int) -> None:
        super().__init__(epoch)
        self.epoch = epoch


def begin(name: str, variant: str, config: TrainConfig) -> RunResult:
    """The result of a run of which nothing is known yet."""
    entry = RUNS[f"{name}/{variant}"]
    facts = entry.name, entry.framework, variant, config.seed, config.threads
    return RunResult(*facts, config.batch_size, workers=config.workers)


def train_and_save(
    name: str,
    variant: str,
    config: TrainConfig,
    dataset: Dataset,
    clock: Clock,
    folder: Path,
    slug: str,
    listen: Callable[[Event], None],
    probe: Callable[[], float | None] = lambda: None,
) -> RunResult:
    """Run `name/variant`; write `slug.safetensors` and `slug.predictions.safetensors`.

    An interrupt ends the training, but no longer once its last epoch is over. What fails from then
    on costs nothing but itself, and the result says what is missing.

    Args:
        listen: told of each epoch when it ends, and of the result before its files are written and
            again once the weights are.
        probe: tells after each epoch in how many seconds the machine did a small piece of work.

    Returns:
        The result, whether the run completed, failed, diverged, was interrupted or could not start
        because its framework is not installed.

    Raises:
        UsageError: the device asked for is not there, or checkpoints stand in the way.
    """
    result = begin(name, variant, config)
    checkpoints = open_checkpoints(config, result.run, slug, dataset)
    resumed = go_on(result, checkpoints) if checkpoints else None

    def record(epoch: EpochResult) -> None:
        if not math.isfinite(epoch.train_loss + epoch.test_loss):
            raise Diverged(epoch.epoch)
        if epoch.epoch == config.epochs:
            interrupts.hold()
        reached = epoch.test_accuracy >= config.target_accuracy
        whole = result.resumed_from_step is None
        if reached and whole and result.time_to_target_seconds is None:
            result.time_to_target_seconds = clock.read()
        # The epoch is over, whoever interrupts the probe.
        with interrupts.held(), clock.phase("other"):
            epoch = replace(epoch, probe_seconds=probe())
        result.epochs.append(epoch)
        listen(Event(epoch=epoch, process_seconds=workers.process_seconds()))
        # What a framework calls may have swallowed it.
        if interrupts.is_noted() and epoch.epoch < config.epochs:
            raise KeyboardInterrupt

    def measure() -> None:
        first = clock.seconds["first_step"], clock.first_steps
        result.set_speed(len(dataset.train_labels), first, resumed)
        result.peak_memory_bytes = peak_memory_bytes() + workers.peak_memory_bytes()
        clock.switch("other")
        result.phases, result.wall_seconds = dict(clock.seconds), clock.wall_seconds()
        result.time_to_first_step_seconds = clock.time_to_first_step

    def give_up(end: RunEnd) -> None:
        result.end = end
        measure()
        listen(Event(run=result))

    workers.when_lost(give_up)
    with interrupts.held():
        trained = attempt(name, result, config, dataset, clock, checkpoints, record)
        workers.end()
        measure()
        if trained:
            describe(result, trained, config)
            if checkpoints and checkpoints.unwritten:
                reason = checkpoints.unwritten.reason
                result.unwritten.append(Unwritten(str(checkpoints.folder), reason))
            listen(Event(run=result))
            write = partial(write_arrays, result, folder / slug, clock)
            write("weights", partial(dump_weights, trained.weights, name, config))
            measure()
            listen(Event(run=result))
            images, predict = dataset.test_images, trained.predict
            write("predictions", partial(dump_predictions, predict, images, clock))
            time_inference(result, predict, images, clock)
            measure()
    return result


def start_workers(name: str, variant: str, config: TrainConfig) -> None:
    """Start those that train with this process, unless a launcher has."""
    package = RUNS[f"{name}/{variant}"].package
    command = sys.executable, "-m", package, "--variant", variant, *config.as_flags()
    workers.start(config.workers, command, config.worker_timeout)


def go_on(result: RunResult, checkpoints: Checkpoints) -> int | None:
    """Begin with what checkpoints hold; returns the epoch in which this process takes over."""
    result.checkpoints, result.epochs = checkpoints.events, list(checkpoints.epochs)
    result.resumed_from_step = checkpoints.steps or None
    for sentence in checkpoints.words():
        tell(sentence)
    return len(checkpoints.epochs) + 1 if checkpoints.steps else None


def attempt(
    name: str,
    result: RunResult,
    config: TrainConfig,
    dataset: Dataset,
    clock: Clock,
    checkpoints: Checkpoints | None,
    record: Callable[[EpochResult], None],
) -> Trained | None:
    """Train; where that comes to no end, the result says why."""
    try:
        with interrupts.allowed():
            with clock.phase("import"):
                twin = import_twin(name, "run")
            trained = drain(twin.run(config, result.variant, dataset, clock, checkpoints), record)
    except MissingFramework as error:
        result.status = "unavailable"
        result.end = RunEnd("missing_module", module=error.module, interpreter=sys.executable)
    except Diverged as error:
        result.status, result.end = "diverged", RunEnd("not_finite", epoch=error.epoch)
    except CheckpointError as error:
        result.error = str(error)
    except MemoryError:
        result.end = RunEnd("memory")
    except UsageError:
        raise
    # Whatever a framework raises, or makes of an interrupt, the epochs before it are kept.
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        note_failure(result, error)
    else:
        return trained
    return None


def note_failure(result: RunResult, error: BaseException) -> None:
    """Say in the result that it was interrupted, that a worker was lost, or what went wrong."""
    if interrupts.is_noted():
        result.status = "interrupted"
        result.end = RunEnd("interrupted", epoch=len(result.epochs))
    elif lost := workers.loss():
        result.end = lost
        if words := workers.last_words(lost):
            tell(words)
    else:
        traceback.print_exception(error)
        result.error = f"{type(error).__name__}: {error}"


def describe(result: RunResult, trained: Trained, config: TrainConfig) -> None:
    """What is known of a training that came to its end, before anything of it is written."""
    result.status = "completed"
    result.framework_version, result.device = trained.framework_version, trained.device
    result.parameters = sum(trained.weights[name].size for name in learned(trained.weights))
    kept = kept_epoch(result.epochs, config)
    result.test_loss, result.test_accuracy = kept.test_loss, kept.test_accuracy
    result.peak_device_memory_bytes = trained.peak_device_memory_bytes


def write_arrays(
    result: RunResult,
    start: Path,
    clock: Clock,
    kind: Literal["weights", "predictions"],
    dump: Callable[[], bytes],
) -> None:
    """Write one file of arrays; the result says where it is, or why it is not there.

    Args:
        start: path of the file, without the end of its name.
        dump: makes its content.
    """
    path = start.with_name(start.name + SUFFIXES[kind])
    try:
        with clock.phase("save"):
            content = dump()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
    # Frameworks raise errors of any kind.
    except Exception as error:  # noqa: BLE001
        result.unwritten.append(Unwritten(path.name, why(error)))
    else:
        setattr(result, kind, path.name)


def dump_predictions(predict: Predict, images: np.ndarray, clock: Clock) -> bytes:
    """The content of the file of predictions: the logits [n, 10] of images [n, 784]."""
    with clock.phase("evaluate"):
        logits = predict(images)
    return save({"logits": logits})


def time_inference(result: RunResult, predict: Predict, images: np.ndarray, clock: Clock) -> None:
    """Add the latencies to the result, or what kept them from being measured."""
    try:
        with clock.phase("inference"):
            result.inference = measure_inference(predict, images)
    # As above.
    except Exception as error:  # noqa: BLE001
        result.inference_error = why(error)


def why(error: Exception) -> str:
    """What went wrong: in the system's words if it was the system."""
    told = error.strerror if isinstance(error, OSError) else None
    return told or f"{type(error).__name__}: {error}"


def run_as_child(
    name: str, variant: str, config: TrainConfig, folder: Path, slug: str, clock: Clock
) -> NoReturn:
    """Run for a comparison, one Event in JSON a line on standard output; then end the process."""
    events = os.fdopen(os.dup(1), "wb")
    # What frameworks print belongs in the log, not between the events.
    os.dup2(2, 1)

    def send(event: Event) -> None:
        try:
            events.write(encode_event(event))
            events.flush()
        except OSError:
            # Whoever asked for the run is gone.
            os._exit(1)

    clock.announce = lambda phase: send(Event(phase=phase))
    start_workers(name, variant, config)
    try:
        dataset = load(config, clock)
        asked = name, variant, config, dataset, clock, folder, slug
        result = train_and_save(*asked, send, probe_after_epoch)
    except UsageError as error:
        result = begin(name, variant, config)
        result.status, result.error = "unavailable", str(error)
    send(Event(run=result))
    sys.stdout.flush()
    sys.stderr.flush()
    # All is said and saved; the frameworks would take up to a second to clean up behind them.
    os._exit(0 if result.status == "completed" else 1)


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
