"""Flags from dataclasses, and what is wrong with them in one sentence."""

import sys
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, Union

import tyro
from tyro._errors import ParseErrorEvent, on_parse_error

from shared.complaints import explain, flags_of
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.inputs import expand_home
from shared.presets import preset_flags
from shared.registry import RUNS

Request = TypeVar("Request")

# Kinds of fields of a request; here, so that no entry imports a library before it is known to be
# installed.
Flag = tyro.conf.FlagCreatePairsOff[bool]

# Of a field that is not to be had.
NoFlag = Annotated[bool, tyro.conf.Fixed, tyro.conf.Suppress]

Repeatable = tyro.conf.UseAppendAction[tuple[str, ...]]

PictureFiles = Annotated[
    tuple[Path, ...],
    tyro.conf.Positional,
    tyro.conf.arg(metavar="IMAGE ...", help_behavior_hint="(one or more)"),
]

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
    """What is trained, on what, and how: the same for every run."""

    # Not a flag here: `compare.py` takes several.
    batch_size: tyro.conf.Suppress[int] = 64


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
    request: type[Request], program: str, arguments: Sequence[str] | None = None
) -> Request:
    """A request with its fields taken from the command line.

    Raises:
        UsageError: one sentence for the first flag that is wrong.
        SystemExit: after `--help`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    sentence = partial(explain, program=program, arguments=arguments, flags=flags_of(request))
    return _parse(request, program, with_preset(arguments), sentence)


def parse_command(requests: Mapping[str, type], program: str) -> Any:
    """The request that the first word of the command line names, or without one the first of all.

    Raises:
        UsageError: one sentence for the first word that is wrong.
        SystemExit: after `--help`.
    """
    arguments = sys.argv[1:]
    first, *_ = requests
    command = named_command(requests)
    flags = flags_of(requests[command or first])
    sentence = partial(
        explain,
        program=f"{program} {command}" if command else program,
        arguments=arguments,
        flags=flags,
        commands=requests,
    )
    if "--preset" in flags:
        start = 1 if command else 0
        arguments = [*arguments[:start], *with_preset(arguments[start:])]
    forms = [
        Annotated[
            form,
            tyro.conf.subcommand(
                name,
                is_default=name == first,
                description=(form.__doc__ or "").partition("\n\n")[0],
            ),
        ]
        for name, form in requests.items()
    ]
    # Put together here, so it can't be written with bars.
    return _parse(Union[tuple(forms)], program, arguments, sentence)  # noqa: UP007


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
            # The second one lets flags without a command be those of the default one.
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.CascadeSubcommandArgs),
        )
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the working directory cannot be used ({error.strerror}), as after it was deleted: "
            "expected one that exists; change to another folder and try again."
        ) from None
    return parsed


def with_preset(arguments: Sequence[str]) -> list[str]:
    """The same with the flags of the last `--preset` put first, where each can be overridden."""
    joined = [word for argument in arguments for word in argument.split("=", maxsplit=1)]
    chosen = [name for word, name in pairwise(joined) if word == "--preset"]
    # The last flag takes one value, so that no name of a run is taken for another value of it.
    preset = [*preset_flags(chosen[-1]), "--preset", chosen[-1]] if chosen else []
    return [*preset, *arguments]
