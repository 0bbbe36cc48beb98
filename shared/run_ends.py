"""How a run ended, where it did not just complete."""

from dataclasses import dataclass
from typing import Literal

# What the files of a run's arrays end with, by what they hold.
SUFFIXES = {"weights": ".safetensors", "predictions": ".predictions.safetensors"}


@dataclass(frozen=True)
class RunEnd:
    """Why a run did not complete, where it was not its framework that said so."""

    kind: Literal[
        "not_started",
        "interrupted",
        "not_finite",
        "missing_module",
        "memory",
        "exit_status",
        "signal",
        "unfit",
        "worker_killed",
        "worker_stopped",
        "worker_failed",
    ]
    epoch: int | None = None
    """The last one that ended; of `not_finite` the one in which the loss was no number."""
    module: str | None = None
    """The one that is not installed."""
    interpreter: str | None = None
    """Path of the Python that it is not installed for."""
    exit_status: int | None = None
    signal: str | None = None
    """As SIGKILL."""
    unfit: str | None = None
    """What is wrong with the result that it told."""
    worker: int | None = None
    """The one that was lost, where several trained together."""


@dataclass(frozen=True)
class Unwritten:
    """A file that could not be written, and what the system said of it."""

    file: str
    error: str
