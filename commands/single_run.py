"""One run of one implementation: train, test, save, and tell whoever asked."""

import math
import os
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NoReturn

from safetensors.numpy import save

from commands.twin import MissingFramework, import_twin
from shared.checkpoints import open_checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.environment import peak_memory_bytes
from shared.events import encode_event
from shared.initial_weights import learned
from shared.registry import RUNS
from shared.results import EpochResult, Event, RunEnd, RunResult, write_atomically
from shared.sampling import load
from shared.trained import Trained
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
    entry = RUNS[f"{name}/{variant}"]
    result = RunResult(
        entry.name,
        entry.framework,
        variant,
        config.seed,
        config.threads,
        config.batch_size,
    )

    checkpoints, begun = open_checkpoints(config, result.run, slug, dataset), None
    if checkpoints:
        begun = len(checkpoints.epochs) + 1 if checkpoints.steps_in_epoch else None
        result.checkpoints, result.epochs = checkpoints.events, list(checkpoints.epochs)
        result.resumed_from_step = checkpoints.steps or None
        for sentence in checkpoints.words():
            print(sentence, file=sys.stderr)

    def record(epoch: EpochResult) -> None:
        if not math.isfinite(epoch.train_loss + epoch.test_loss):
            raise Diverged(epoch.epoch)
        result.epochs.append(epoch)
        reached = epoch.test_accuracy >= config.target_accuracy
        whole = result.resumed_from_step is None
        if reached and whole and result.time_to_target_seconds is None:
            result.time_to_target_seconds = clock.read()
        listen(epoch)

    try:
        with clock.phase("import"):
            twin = import_twin(name, "run")
        trained = drain(twin.run(config, variant, dataset, clock, checkpoints), record)
    except MissingFramework as error:
        result.status = "unavailable"
        result.end = RunEnd("missing_module", module=error.module, interpreter=sys.executable)
    except Diverged as error:
        result.status, result.end = "diverged", RunEnd("not_finite", epoch=error.epoch)
    except KeyboardInterrupt:
        result.status = "interrupted"
        result.end = RunEnd("interrupted", epoch=len(result.epochs))
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
        with clock.phase("save"):
            write_atomically(folder / result.weights, dump_weights(trained.weights, name, config))
            write_atomically(folder / result.predictions, save({"logits": trained.test_logits}))
    first = clock.seconds["first_step"], clock.first_steps
    result.set_speed(len(dataset.train_labels), first, begun)
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
        # As bytes, because the encoding of standard output may be any.
        events.buffer.write(encode_event(event))
        events.flush()

    dataset = load(config, clock)
    result = train_and_save(
        name, variant, config, dataset, clock, folder, slug, lambda epoch: send(Event(epoch=epoch))
    )
    send(Event(run=result))
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
