"""Flags from dataclasses, and what is wrong with them in one sentence."""

import sys
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import tyro
from tyro._errors import ParseErrorEvent, on_parse_error

from shared.complaints import explain, flags_of
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.help import render as render_help
from shared.inputs import expand_home
from shared.presets import preset_flags

Request = TypeVar("Request")

# Kinds of fields of a request; here, so that no entry imports a library before it is known to be
# installed.
Flag = tyro.conf.FlagCreatePairsOff[bool]

# Of a field that is not to be had.
NoFlag = Annotated[bool, tyro.conf.Fixed, tyro.conf.Suppress]

Repeatable = tyro.conf.UseAppendAction[tuple[str, ...]]

# A flag without a value of its own, as often as there are implementations elsewhere.
Interpreters = Annotated[Repeatable, tyro.conf.arg(metavar="NAME=PATH")]

# What stands behind a program's name in an example, and what that does.
Examples = tuple[tuple[str, str], ...]

# What a flag's values mean: under a heading each name with its text.
Sections = Mapping[str, tuple[tuple[str, str], ...]]

PictureFiles = Annotated[
    tuple[Path, ...],
    tyro.conf.Positional,
    tyro.conf.arg(metavar="IMAGE ..."),
]

RunNames = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="[RUN ...]",
        help="Runs to train and time.",
    ),
]


@dataclass(frozen=True)
class SharedConfig(TrainConfig):
    """What is trained, on what, and how: the same for every run."""

    # Not flags here: `compare.py` takes several.
    batch_size: tyro.conf.Suppress[int] = 64
    workers: tyro.conf.Suppress[int] = 1


# How tyro makes a path of a word. Shells leave `~` alone in `--output-dir=~/results`.
PATHS = tyro.constructors.ConstructorRegistry()


@PATHS.primitive_rule
def _path(
    info: tyro.constructors.PrimitiveTypeInfo,
) -> tyro.constructors.PrimitiveConstructorSpec[Path] | None:
    """A path whose `~` is the home folder."""
    if info.type is not Path:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda words: Path(expand_home(words[0])),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda path: [str(path)],
    )


# Set by compare.py for its children: the start of the names of the files to write.
CHILD_VARIABLE = "COMPARISON_CHILD"


def parse_flags(
    request: type[Request],
    program: str,
    arguments: Sequence[str] | None = None,
    commands: Mapping[str, type] | None = None,
) -> Request:
    """A request with its fields taken from the command line.

    Args:
        request: the dataclass of the flags.
        program: how the command is called.
        arguments: the words behind it; by default those of the command line.
        commands: those that could have been named and were not.

    Raises:
        UsageError: one sentence for the first word that is wrong.
        SystemExit: after `--help`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & {*arguments}:
        print(render_help(request, program, commands))
        raise SystemExit(0)
    flags = flags_of(request)
    sentence = partial(
        explain, program=program, arguments=arguments, flags=flags, commands=commands or ()
    )
    words = with_preset(arguments) if "--preset" in flags else arguments
    return _parse(request, program, words, sentence)


def parse_command(requests: Mapping[str, type], program: str) -> Any:
    """The request that the first word of the command line names, or without one the first of all.

    Raises:
        UsageError: one sentence for the first word that is wrong.
        SystemExit: after `--help`.
    """
    command, arguments = named_command(requests), sys.argv[1:]
    if command:
        return parse_flags(requests[command], f"{program} {command}", arguments[1:])
    return parse_flags(requests[next(iter(requests))], program, arguments, requests)


def named_command(commands: Container[str]) -> str | None:
    """The first word of the command line, if it is a command."""
    return next((word for word in sys.argv[1:2] if word in commands), None)


def _parse(
    form: Any,
    program: str,
    arguments: Sequence[str],
    sentence: Callable[[ParseErrorEvent], str],
) -> Any:
    """What tyro makes of the arguments; its complaints become UsageErrors before it draws them."""

    def refuse(event: ParseErrorEvent) -> NoReturn:
        raise UsageError(sentence(event))

    with on_parse_error(refuse), PATHS:
        parsed = tyro.cli(
            form,
            prog=program,
            args=arguments,
            # A request for help is met before, by shared/help.py.
            add_help=False,
            config=(tyro.conf.OmitArgPrefixes,),
        )
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the working directory cannot be used ({error.strerror}), perhaps because it was "
            "deleted; change to another folder and try again."
        ) from None
    return parsed


def with_preset(arguments: Sequence[str]) -> list[str]:
    """The same with the flags of the last `--preset` put first, where each can be overridden."""
    joined = [word for argument in arguments for word in argument.split("=", maxsplit=1)]
    chosen = [name for word, name in pairwise(joined) if word == "--preset"]
    # The last flag takes one value, so that no name of a run is taken for another value of it.
    preset = [*preset_flags(chosen[-1]), "--preset", chosen[-1]] if chosen else []
    return [*preset, *arguments]
