"""What became of the checkpoints that a training was to go on from."""

from dataclasses import dataclass, field
from typing import Literal

from shared.kinds import Count, Setting
from shared.rules import flag


@dataclass(frozen=True)
class Difference:
    """What another training has otherwise: the run, a setting, or the data, whose values are not
    told."""

    name: str
    found: Setting = None
    expected: Setting = None


EventKind = Literal[
    "none",
    "damaged",
    "unreadable",
    "incomplete",
    "unknown",
    "foreign",
    "beyond",
    "resumed",
    "told",
]


@dataclass(frozen=True)
class CheckpointEvent:
    """What became of a checkpoint, or that there is none, when a training was to go on."""

    kind: EventKind
    folder: str = ""
    step: Count | None = None
    """Counted from the training's beginning; of `resumed`."""
    file: str | None = None
    """The one that is damaged or can't be read."""
    error: str | None = None
    """What the system says about it."""
    differences: list[Difference] = field(default_factory=list)
    """Of `foreign` and `beyond`: in what its training differs."""
    told: str | None = None
    """What a result of the first schema says instead of all this."""


# Why a checkpoint is not used.
REFUSALS = {
    "damaged": "{file} is damaged",
    "unreadable": "{file} cannot be read ({error})",
    "incomplete": "a part of it is missing",
    "unknown": "this program did not write it",
    "foreign": "it was made with {differences}",
    "beyond": "its training has gone further ({differences})",
}


def describe_event(event: CheckpointEvent, run: str, seed: object) -> str:
    """What became of a checkpoint, in a sentence.

    Args:
        run: the one that was to go on from it, with this seed.
    """
    if event.kind == "told":
        return event.told or ""
    if event.kind == "none":
        return f"{run}: no checkpoint in {event.folder}, so the training starts from the beginning."
    if event.kind == "resumed":
        return (
            f"{run} (seed {seed}) resumed from step {event.step}, saved in {event.folder}; its "
            "times, except those of the epochs, count from there."
        )
    differences = "; ".join(map(_describe_difference, event.differences))
    if event.kind == "foreign" and any(each.name == "epochs" for each in event.differences):
        differences += "; the cosine schedule depends on the number of epochs"
    reason = REFUSALS[event.kind].format(**vars(event) | {"differences": differences})
    return f"The checkpoint {event.folder} is not used: {reason}."


def _describe_difference(difference: Difference) -> str:
    if difference.name == "data":
        return "other data"
    name = "" if difference.name == "run" else f"{flag(difference.name)} "
    return f"{name}{_words(difference.found)}, not {_words(difference.expected)}"


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
