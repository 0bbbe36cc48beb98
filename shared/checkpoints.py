"""Checkpoints of a training, from which it goes on as if it had never been interrupted."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from filelock import BaseFileLock
from safetensors.numpy import save

from shared.batches import batch_sizes
from shared.checkpoint_events import CheckpointEvent, Difference, describe_event
from shared.checkpoint_files import (
    MANIFEST,
    PARTS,
    STATE,
    Refused,
    checksum,
    lock,
    numbers,
    remove,
    unwritable,
    write_checkpoint,
)
from shared.checkpoint_state import Access, Arrays, Origin, State, read, require_same, shapes
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.errors import CheckpointError, UsageError
from shared.initial_weights import weight_shapes
from shared.results import EpochResult
from shared.workers import find_rank

# The newest may turn out to be damaged.
KEPT = 2
# What a training may differ in from the one that a checkpoint is of.
WITHOUT_INFLUENCE = (
    *("preset", "data_dir", "offline", "target_accuracy"),
    *("checkpoint_dir", "checkpoint_steps", "resume", "workers", "worker_timeout"),
)


@dataclass
class Checkpoints:
    """One run's checkpoints, in a folder of their own, and how far the run has come.

    `batches` holds the losses and the numbers of correct predictions of the steps done in the
    current epoch; `best` the weights that early stopping would go back to. `weights` and `state`,
    what else a step changes, are those of the checkpoint to go on from; None from the beginning.
    Of several workers one saves; the others go on from what it saved.
    """

    folder: Path
    origin: Origin
    every: int | None
    batch_size: int
    steps_per_epoch: int
    epochs: list[EpochResult] = field(default_factory=list)
    batches: Arrays = field(default_factory=dict)
    best: Arrays = field(default_factory=dict)
    weights: Arrays | None = None
    state: Arrays | None = None
    events: list[CheckpointEvent] = field(default_factory=list)
    good: list[int] = field(default_factory=list)
    unwritten: CheckpointError | None = None
    lock: BaseFileLock | None = None
    saves: bool = True

    @property
    def steps_in_epoch(self) -> int:
        """Steps done in the current epoch."""
        return len(self.batches.get("losses", ()))

    @property
    def steps(self) -> int:
        """Steps done since the training began."""
        return len(self.epochs) * self.steps_per_epoch + self.steps_in_epoch

    def pieces(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """What is left to learn of an epoch's order [n], cut where checkpoints are due."""
        every = self.every or self.steps_per_epoch
        cuts = np.arange(every, self.steps_per_epoch, every)
        cuts = self.batch_size * cuts[cuts > self.steps_in_epoch]
        first = self.batch_size * self.steps_in_epoch
        yield from np.split(order[first:], cuts - first)

    def add_batches(self, losses: np.ndarray, correct: np.ndarray) -> None:
        """Steps are over: losses [steps], numbers of correct predictions [steps]."""
        new = {"losses": losses, "correct": correct}
        self.batches = {
            name: np.concatenate([self.batches.get(name, array[:0]), array])
            for name, array in new.items()
        }

    def add_epoch(self, epoch: EpochResult) -> None:
        """An epoch is over."""
        self.epochs.append(epoch)
        self.batches = {}

    def replay(
        self,
        epochs: Iterator[EpochResult],
        set_weights: Callable[[Arrays], None],
        state: Access,
    ) -> Iterator[EpochResult]:
        """Pass on the checkpoint's epochs to those who decide by them, then go on from it.

        Raises:
            CheckpointError: its optimizer's state is that of another, or no later epoch was saved.
        """
        if self.weights is not None and self.state is not None:
            get_state, set_state = state
            # Early stopping keeps the weights that it finds at the best epoch.
            set_weights(self.best)
            yield from list(self.epochs)
            set_weights(self.weights)
            try:
                require_same(self.state, get_state())
                set_state(self.state)
            except Exception as error:  # noqa: BLE001 - each framework raises errors of its own.
                raise CheckpointError(
                    f"--checkpoint-dir {self.folder.parent}: the optimizer's state in "
                    f"{self.folder} does not fit ({error}); choose another folder to start over."
                ) from None
        for epoch in epochs:
            yield epoch
            if self.unwritten and epoch.epoch != self.origin.config["epochs"]:
                raise self.unwritten

    def save_epochs(
        self,
        epochs: Iterator[EpochResult],
        get_weights: Callable[[], Arrays],
        get_state: Callable[[], Arrays],
    ) -> Iterator[EpochResult]:
        """Pass on the epochs that are not in the checkpoint yet, and save after each.

        Where that fails, `replay` ends the training, unless its last epoch is over.
        """
        known = len(self.epochs)
        for epoch in epochs:
            if epoch.epoch > known:
                # First, because who looks at it may find that the training failed.
                yield epoch
                self.add_epoch(epoch)
                try:
                    self.save(get_weights(), get_state())
                except CheckpointError as error:
                    self.unwritten = error

    def save(self, weights: Arrays, state: Arrays) -> None:
        """Write a checkpoint, completely or not at all; then delete those that are too old.

        Raises:
            CheckpointError: the folder can't be written.
        """
        if not self.saves:
            return
        parts = dict(zip(PARTS, (weights, state, self.batches, self.best), strict=True))
        # The library expects arrays without gaps.
        contents = {
            f"{part}.safetensors": save({k: np.array(v, order="C") for k, v in arrays.items()})
            for part, arrays in parts.items()
            if arrays
        }
        contents[STATE] = msgspec.json.encode(State(self.origin, self.epochs))
        contents[MANIFEST] = msgspec.json.encode(
            {name: checksum(content) for name, content in contents.items()}
        )
        try:
            number = write_checkpoint(self.folder, contents)
        except OSError as error:
            raise unwritable(self.folder.parent, error) from None
        self.good = [*self.good, number][-KEPT:]
        for old in numbers(self.folder):
            if old < self.good[0]:
                remove(self.folder / f"{old:06}")

    def load_newest(self) -> None:
        """Be where the newest checkpoint is that can be used; say why the newer ones can't.

        Raises:
            UsageError: there are some, but none can be used.
        """
        found = sorted(numbers(self.folder), reverse=True)
        if not found:
            self.events.append(CheckpointEvent("none", str(self.folder)))
            return
        for number in found:
            folder = self.folder / f"{number:06}"
            try:
                self._load(folder)
            except Refused as refusal:
                self.events.append(CheckpointEvent(refusal.kind, str(folder), **refusal.details))
                # Saving would in time delete what was trained.
                if refusal.kind == "beyond":
                    break
                continue
            self.good = [number]
            self.events.append(CheckpointEvent("resumed", str(folder), step=self.steps))
            return
        raise UsageError(
            f"--checkpoint-dir {self.folder.parent}: expected a checkpoint of the same training. "
            f"{' '.join(self.words())} Choose another folder to start from the beginning."
        )

    def words(self) -> list[str]:
        """What became of the checkpoints, in sentences."""
        seed = self.origin.config["seed"]
        return [describe_event(event, self.origin.run, seed) for event in self.events]

    def _load(self, folder: Path) -> None:
        state, parts = read(folder)
        if different := state.origin.differences(self.origin):
            raise Refused("foreign", differences=different)
        reached = len(state.epochs) + ("batches" in parts)
        wanted: Any = self.origin.config.get("epochs", reached)
        if reached > wanted:
            raise Refused("beyond", differences=[Difference("epochs", reached, wanted)])
        if not self._fits(parts):
            raise Refused("unknown")
        self.epochs = state.epochs
        self.weights, self.state = parts["weights"], parts["state"]
        self.batches, self.best = parts.get("batches", {}), parts.get("best", {})

    def _fits(self, parts: Mapping[str, Arrays]) -> bool:
        """Whether the arrays, but for the optimizer's own, are as this very training saves them."""
        known: dict[str, Any] = self.origin.config
        weights = weight_shapes(tuple(known["hidden"]), known["batch_norm"])
        batches = parts.get("batches", {})
        steps = [len(array) if array.ndim == 1 else -1 for array in batches.values()]
        return (
            all(
                shapes(parts[part]) == weights
                and {str(a.dtype) for a in parts[part].values()} == {known["float_type"]}
                for part in ("weights", "best")
                if part in parts
            )
            and (not batches or batches.keys() == {"losses", "correct"})
            and len(set(steps)) <= 1
            and all(0 < each <= self.steps_per_epoch for each in steps)
        )


def open_checkpoints(
    config: TrainConfig, run: str, slug: str, dataset: Dataset
) -> Checkpoints | None:
    """The checkpoints that the configuration asks for, if it does, to save or to go on from.

    Args:
        config: asks for them.
        run: `IMPLEMENTATION/VARIANT`.
        slug: the name of their folder, because several runs may share `config.checkpoint_dir`.
        dataset: what is learned.

    Raises:
        UsageError: the folder holds some without --resume, or none that can be used with it, or
            another training is at work there.
    """
    if config.checkpoint_dir is None:
        return None
    saves = find_rank() == 0
    held = refuse_existing(config, slug) if saves else None
    chosen = {k: v for k, v in config.as_json().items() if k not in WITHOUT_INFLUENCE}
    checkpoints = Checkpoints(
        config.checkpoint_dir / slug,
        Origin(run, chosen, dataset.sha256),
        config.checkpoint_steps,
        config.batch_size,
        len(batch_sizes(len(dataset.train_labels), config.batch_size)),
        lock=held,
        saves=saves,
    )
    if config.resume:
        checkpoints.load_newest()
    return checkpoints


def refuse_existing(config: TrainConfig, slug: str) -> BaseFileLock | None:
    """The lock of the folder that is to be saved to, if any.

    Raises:
        UsageError: it holds checkpoints already but nobody asked to go on from them, or another
            training is at work there, or it can't be written.
    """
    if config.checkpoint_dir is None:
        return None
    folder = config.checkpoint_dir / slug
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--checkpoint-dir {config.checkpoint_dir}: cannot be written ({error.strerror}); "
            "choose another folder."
        ) from None
    held = lock(folder)
    if numbers(folder) and not config.resume:
        raise UsageError(
            f"--checkpoint-dir {config.checkpoint_dir}: {folder} already holds checkpoints; add "
            "--resume to continue from the newest, or choose another folder."
        )
    return held
