"""Flags from dataclasses, and the entry of `python -m pytorch_impl` and its twins."""

import contextlib
import io
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, TypeVar

import tyro

from shared.config import TrainConfig, preset_flags
from shared.errors import UsageError
from shared.registry import RUNS

Request = TypeVar("Request")

# Kinds of fields of a request; here, so that compare.py needs no library of its own.
Flag = tyro.conf.FlagCreatePairsOff[bool]

Repeatable = tyro.conf.UseAppendAction

RunNames = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="[RUN ...]",
        help="What to compare with the first, of: "
        + ", ".join(RUNS)
        + "; or all, for every run whose framework is installed.",
    ),
]


@dataclass(frozen=True)
class SharedConfig(TrainConfig):
    """A configuration whose batch size is not a flag, but set by whoever sweeps several."""

    batch_size: tyro.conf.Suppress[int] = 64


# Set by compare.py for its children: the start of the names of the files to write.
CHILD_VARIABLE = "COMPARISON_CHILD"


def parse_flags(
    request: Callable[..., Request], program: str, arguments: list[str] | None = None
) -> Request:
    """Call `request` with its parameters taken from the command line.

    Raises:
        UsageError: one sentence for the first flag that is wrong.
        SystemExit: after `--help`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                request,
                prog=program,
                args=with_preset(arguments),
                config=(tyro.conf.OmitArgPrefixes,),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UsageError(_first_sentence(complaint.getvalue(), program)) from None


def with_preset(arguments: list[str]) -> list[str]:
    """The same with the flags of the last `--preset` put first, where each can be overridden."""
    joined = [word for argument in arguments for word in argument.split("=", maxsplit=1)]
    chosen = [name for word, name in pairwise(joined) if word == "--preset"]
    # The last flag takes one value, so that no name of a run is taken for another value of it.
    return [*preset_flags(chosen[-1]), "--preset", chosen[-1], *arguments] if chosen else arguments


def _first_sentence(box: str, program: str) -> str:
    """The message in the box that tyro draws, without the frame and what follows its rule."""
    lines = [line.strip("│|").strip() for line in box.splitlines()[1:]]
    rule = next((i for i, line in enumerate(lines) if re.match("[─╰-]{3}", line)), len(lines))
    return f"{' '.join(lines[:rule]).rstrip('.')}; see {program} --help."


def interrupt_on_terminate() -> None:
    """Treat a polite request to end (SIGTERM) like Ctrl-C, so that what is finished is kept."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
