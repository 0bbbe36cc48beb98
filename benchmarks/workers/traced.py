"""What one of several workers computes, sound or with a fault planted.

`python -m benchmarks.workers.traced PACKAGE WORKERS CASE ...` writes the traces of the cases in
float64, one after the other, to standard output, as `comparison.tracing` does. Whoever starts the
workers tells each by its environment which one it is.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any
from unittest import mock

from shared.config import TrainConfig
from shared.registry import IMPLEMENTATIONS, implementation_of
from shared.threads import prepare_environment
from shared.workers import find_rank

# 200 steps, the last one of each epoch with a part of a batch.
PLAIN = TrainConfig(
    dataset="digits", offline=True, hidden=(20, 12), alignment="exact", epochs=4, seed=3, threads=1
)
STEPS_PER_EPOCH = 50
CLIP = 0.3


@dataclass(frozen=True)
class Case:
    """A training by several workers: its variant, its batches, its techniques, and its fault."""

    name: str
    variant: str
    batch_size: int
    flags: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    def config(self, workers: int) -> TrainConfig:
        """What is trained."""
        size = self.batch_size
        limit = (STEPS_PER_EPOCH - 1) * size + (size + 1) // 2
        asked = {"batch_size": size, "limit": min(limit, 1437), **self.flags}
        epochs = -(-200 * size // asked["limit"])
        return replace(PLAIN, **{"epochs": epochs, **asked}, workers=workers)


SIZES = (64, 25, 2)

# At batches of 25, which no two or three workers share evenly.
TECHNIQUES: dict[str, dict[str, Any]] = {
    "clipping": {"clip_norm": CLIP},
    "accumulation": {"accumulate": 3},
    "class weights": {"imbalance": 0.3, "class_weights": "balanced"},
    "AdamW": {"optimizer": "adamw", "weight_decay": 0.1},
    "cosine schedule": {"schedule": "cosine", "warmup_steps": 5},
    # Of Keras's own Adam there is no reference but one worker.
    "matched": {"alignment": "matched"},
}

# What each does; planted by `faults`.
FAULTS = {
    "plain mean over the workers": {},
    "a row in two shares": {},
    "clipping before the sum": {"clip_norm": CLIP},
    "a worker that takes no part": {},
    "another order on one worker": {},
}


def cases(variants: tuple[str, ...]) -> dict[str, Case]:
    """All cases of these variants, by name; those with a fault for the first one only."""
    found = [
        case
        for variant in variants
        for case in (
            *(Case(f"{variant}, batches of {size}", variant, size) for size in SIZES),
            *(Case(f"{variant}, {name}", variant, 25, TECHNIQUES[name]) for name in TECHNIQUES),
        )
    ]
    found += [Case(name, variants[0], 25, FAULTS[name], name) for name in FAULTS]
    return {case.name: case for case in found}


def variants_of(package: str) -> tuple[str, ...]:
    """Those of an implementation that can have several workers."""
    runs = IMPLEMENTATIONS[implementation_of(package)]
    return tuple(run.variant for run in runs if not run.alone)


def faults(package: str, technique: ModuleType) -> dict[str, list]:
    """For each fault the patches that plant it.

    Args:
        package: of the implementation.
        technique: its techniques/workers.py.
    """
    run = importlib.import_module(f"{package}.run")
    preparation = importlib.import_module("shared.preparation")
    sound_share, sound_order = technique.share_of, preparation.epoch_order

    def overlapping(rows: int, rank: int, workers: int) -> tuple[int, int]:
        first, last = sound_share(rows, rank, workers)
        return first, min(last + (rank == 0), rows)

    def other_order(size: int, seed: int, epoch: int) -> Any:
        return sound_order(size, seed + find_rank(), epoch)

    clip = {"pytorch_impl": clip_in_pytorch, "tensorflow_impl": clip_in_tensorflow}[package]
    return {
        "": [],
        "plain mean over the workers": [weighted_otherwise(run, plain_weight)],
        "a row in two shares": [mock.patch.object(technique, "share_of", overlapping)],
        "clipping before the sum": [clip(technique)],
        "a worker that takes no part": [weighted_otherwise(run, lambda *_: 1 - find_rank())],
        "another order on one worker": [mock.patch.object(preparation, "epoch_order", other_order)],
    }


def plain_weight(rows: int, share: int, workers: int) -> float:
    """What makes of a share's part in the mean that of equal shares."""
    return rows / (workers * share)


def weighted_otherwise(run: ModuleType, weight: Callable[[int, int, int], float]) -> Any:
    """A patch by which the loss of each share counts otherwise.

    Args:
        weight: of the batch's rows, of the share's, and of the number of workers.
    """
    sound = run.share_step

    def share_step(group: Any, model: Any, optimizer: Any, compute_loss: Any) -> Any:
        workers = group.size() if hasattr(group, "size") else group.num_replicas_in_sync
        rows = 0

        def otherwise(logits: Any, labels: Any) -> Any:
            return compute_loss(logits, labels) * weight(rows, len(labels), workers)

        step = sound(group, model, optimizer, otherwise)

        def counted(model: Any, optimizer: Any, images: Any, labels: Any) -> Any:
            nonlocal rows
            rows = len(labels)
            return step(model, optimizer, images, labels)

        return counted

    return mock.patch.object(run, "share_step", share_step)


def clip_in_pytorch(technique: ModuleType) -> Any:
    """A patch by which each worker clips what it has found itself."""
    from torch import Tensor
    from torch.distributed import GradBucket
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
    from torch.futures import Future

    class Clipping(technique.DistributedDataParallel):
        def __init__(self, model: Any) -> None:
            super().__init__(model)
            self.register_comm_hook(None, self.clip)

        @staticmethod
        def clip(_: None, bucket: GradBucket) -> Future[Tensor]:
            gradients = bucket.buffer()
            gradients.mul_((CLIP / gradients.norm()).clamp(max=1))
            return allreduce_hook(None, bucket)

    return mock.patch.object(technique, "DistributedDataParallel", Clipping)


def clip_in_tensorflow(technique: ModuleType) -> Any:
    """A patch by which each worker clips what it has found itself."""
    sound = technique.add_up

    def add_up(group: Any, tensors: Any) -> Any:
        if len(tensors) > 1:
            tensors, _ = technique.tf.clip_by_global_norm(tensors, CLIP)
        return sound(group, tensors)

    return mock.patch.object(technique, "add_up", add_up)


@contextlib.contextmanager
def planted(package: str, fault: str) -> Iterator[None]:
    """A fault in the block, if one is named."""
    technique = importlib.import_module(f"{package}.techniques.workers")
    with contextlib.ExitStack() as stack:
        for patch in faults(package, technique)[fault]:
            stack.enter_context(patch)
        yield


def main() -> int:
    """Write the traces; returns the exit status."""
    package, workers, *names = sys.argv[1:]
    # What frameworks print must not get between the frames.
    stream, sys.stdout = sys.stdout.buffer, sys.stderr
    prepare_environment(1, IMPLEMENTATIONS[implementation_of(package)][0].environment)
    # Only now, because NumPy reads the number of threads when it is imported.
    from comparison.tracing import send_traces

    known = cases(variants_of(package))
    for name in names:
        case = known[name]
        with planted(package, case.fault):
            send_traces(stream, package, [case.variant], ("float64",), case.config(int(workers)))
    stream.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
