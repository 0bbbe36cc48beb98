"""Damaged checkpoints: is every damage noticed, and the checkpoint before used instead?"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.checkpoint_files import numbers
from shared.checkpoints import Checkpoints, Origin
from shared.config import TrainConfig
from shared.initial_weights import initial_weights
from shared.results import EpochResult


def make_checkpoints(folder: Path, config: TrainConfig) -> Checkpoints:
    """Two checkpoints with made-up numbers, in a folder of their own, as of a training."""
    draw = np.random.default_rng(0)
    longer = replace(config, epochs=3).as_json()
    kept = Checkpoints(folder, Origin("pytorch/eager", longer, {}), 2, 64, 5)
    for epoch in (1, 2):
        kept.add_epoch(EpochResult(epoch, *draw.random(6).tolist()))
        kept.add_batches(draw.random(2), draw.integers(64, size=2))
        weights = initial_weights(config.hidden, epoch, config.float_type)
        kept.save(weights, {"learning_rate": draw.random(())})
    return kept


def damage_again_and_again(kept: Checkpoints, count: int, seed: int) -> Iterator[bool]:
    """Damage a file of the newest checkpoint, each time another; was the one before used instead?

    Every second time a bit is flipped, else the file is cut off, at a random place.

    Args:
        kept: with two checkpoints in its folder.
        count: of damages.
        seed: draws the places.
    """
    draw = random.Random(seed)
    before, newest = sorted(numbers(kept.folder))[-2:]
    files = sorted((kept.folder / f"{newest:06}").iterdir())
    for number in range(count):
        path = files[number // 2 % len(files)]
        whole = path.read_bytes()
        place = draw.randrange(len(whole))
        flipped = bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
        path.write_bytes(whole[:place] + (flipped if number % 2 else b""))
        fresh = replace(kept, epochs=[], batches={}, best={}, events=[], good=[])
        fresh.load_newest()
        refused = fresh.words()[0].startswith(f"The checkpoint {path.parent} is not used: ")
        yield refused and fresh.good == [before]
        path.write_bytes(whole)
