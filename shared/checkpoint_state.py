"""What a checkpoint holds: of which training it is, its epochs, and arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from shared.checkpoint_events import Difference
from shared.checkpoint_files import STATE, Refused, read_contents
from shared.config import TrainConfig
from shared.inputs import decode_json
from shared.kinds import Setting
from shared.results import EpochResult

Arrays = dict[str, np.ndarray]
# Copies weights, or a state, out; copies them in.
Access = tuple[Callable[[], Arrays], Callable[[Arrays], None]]


@dataclass(frozen=True)
class Origin:
    """Of which training a checkpoint is: the run, its configuration, its data's checksums."""

    run: str
    config: dict[str, Setting]
    data: dict[str, str]

    def differences(self, other: "Origin") -> list[Difference]:
        """In what the other training differs from this one.

        It may be longer, or shorter, where no step depends on that.
        """
        free = () if other.config.get("schedule") == "cosine" else ("epochs",)
        run = [Difference("run", self.run, other.run)] if self.run != other.run else []
        settings = [
            Difference(name, found, other.config.get(name))
            for name in self.config | other.config
            # A checkpoint from before there was such a setting is of a training with its default.
            if (found := self.config.get(name, getattr(TrainConfig, name, None)))
            != other.config.get(name)
            and name not in free
        ]
        return [*run, *settings, *([Difference("data")] if self.data != other.data else [])]


@dataclass(frozen=True)
class State:
    """What a checkpoint holds beside arrays; `epochs` are those that were over."""

    origin: Origin
    epochs: list[EpochResult]
    schema: Literal["checkpoint/1"] = "checkpoint/1"


def read(folder: Path) -> tuple[State, dict[str, Arrays]]:
    """A checkpoint's state, and its arrays by the names of their files.

    Raises:
        Refused: anything in it is not what was written.
    """
    try:
        contents = read_contents(folder)
        state = decode_json(contents.pop(STATE), State)
        # Copies, because those who take them over write to them.
        parts = {
            name.partition(".")[0]: {key: array.copy() for key, array in load(content).items()}
            for name, content in contents.items()
        }
        if not {"weights", "state"} <= set(parts):
            raise Refused("incomplete")
    except OSError as error:
        raise Refused("unreadable", file=Path(error.filename).name, error=error.strerror) from None
    except (ValueError, KeyError, msgspec.MsgspecError, SafetensorError):
        raise Refused("unknown") from None
    return state, parts


def shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    """The shape of each array."""
    return {name: array.shape for name, array in arrays.items()}


def require_same(found: Arrays, own: Arrays) -> None:
    """Hold an optimizer's saved state against the one that it has before its first step.

    What it makes at its first step only is saved, too; it is not compared here.

    Raises:
        ValueError: something is missing, or has another shape or dtype.
    """
    for name, expected in own.items():
        if name not in found:
            raise ValueError(f"it lacks {name}")
        require_like(name, found[name], expected)


def require_like(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Raise ValueError if an array has not the shape and dtype of the other."""
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        raise ValueError(
            f"{name} is {found.dtype} {list(found.shape)} instead of "
            f"{expected.dtype} {list(expected.shape)}"
        )
