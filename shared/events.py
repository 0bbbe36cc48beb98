"""What a child process tells its parent: lines, told from whatever else it prints by a token.

The token is the parent's, new for each child, so that no line that merely looks like an event is
taken for one.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from shared.clock import PHASES
from shared.inputs import decode_json
from shared.kinds import Seconds
from shared.results import EpochResult, RunResult
from shared.visible import spell_out

if TYPE_CHECKING:
    # Type checkers need a list that is written out.
    Phase: TypeAlias = str
else:
    Phase = Literal[PHASES]

# Where the child finds the token.
TOKEN_VARIABLE = "COMPARISON_TOKEN"


@dataclass(frozen=True)
class Event:
    """What a child process tells its parent, one JSON object a line: a phase that begins, an epoch,
    or how a run stands.

    A completed run is told twice, before its files are written and after.
    """

    epoch: EpochResult | None = None
    run: RunResult | None = None
    process_seconds: Seconds = 0.0
    """Processor time of the child so far, with an epoch; who asks from outside may see the
    launcher of a virtual environment instead."""
    phase: Phase | None = None
    """One of the clock's phases, when the clock announces it."""


def encode_event(event: Event) -> bytes:
    """The line by which a child tells its parent of an event."""
    token = os.environ.get(TOKEN_VARIABLE, "").encode()
    return token + msgspec.json.encode(spell_out(event)) + b"\n"


def read_event(line: bytes, token: str) -> Event | None:
    """The event of which a line tells; None for something else that was printed.

    Raises:
        ValueError: it tells of an event, but of none that can be.
    """
    if not line.startswith(token.encode()):
        return None
    return spell_out(decode_json(line.removeprefix(token.encode()), Event))
