"""What is wrong with a command line, in one sentence made from what tyro knows before it draws.

tyro tells a hook why it refuses, as one of the events below, and only then draws its box. The hook
is private to tyro, so pyproject.toml pins the very version.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import Field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

import tyro
from tyro import _errors as events

# What tyro calls the types of values, and what people do.
KINDS = {"INT": "whole number", "FLOAT": "number", "PATH": "path"}

# How tyro marks fields that are no flags.
POSITIONAL, SUPPRESSED = (
    get_args(each)[1] for each in (tyro.conf.Positional[int], tyro.conf.Suppress[int])
)


def explain(
    event: events.ParseErrorEvent,
    program: str,
    arguments: Sequence[str],
    flags: Collection[str],
    commands: Collection[str] = (),
) -> str:
    """The sentence: what is wrong, what was expected, and where all flags are explained.

    Args:
        program: whose `--help` explains the flags.
        arguments: the words of the command line.
        flags: those that are known where the event happened.
        commands: those that the first word may be, where it is none.
    """
    return f"{_cause(event, arguments, flags, commands)}; see {program} --help."


def _cause(
    event: events.ParseErrorEvent,
    arguments: Sequence[str],
    flags: Collection[str],
    commands: Collection[str],
) -> str:
    """What is wrong, and what was expected."""
    match event:
        case (
            events.UnrecognizedArgs(tokens=[first, *_])
            | events.MissingArgs(unrecognized_tokens=[first, *_])
        ):
            if first in commands:
                return f"{first}: put the command before all flags, such as {arguments[0]}"
            if commands and first == arguments[0] and not first.startswith("-"):
                return f"{first}: there is no such command; expected one of {', '.join(commands)}"
            return explain_unknown(first, flags)
        case events.MissingArgs():
            missing = [spell(each.arg) for each in event.missing_arguments]
            return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        case events.InvalidChoice():
            return f"{name(event.argument)} {event.value}: expected one of " + ", ".join(
                event.choices
            )
        case events.BadValue(offending_value=None):
            return f"{name(event.argument)}: expected {kind(event.argument)} after the flag"
        case events.BadValue():
            return f"{name(event.argument)}: takes no value"
        case events.InstantiationFailure(argument=argument) if argument:
            value = " ".join(given(argument, arguments))
            return f"{name(argument)} {value}".rstrip() + f": expected {kind(argument)}"
    return f"{' '.join(arguments)}: expected other flags or values"


def explain_unknown(word: str, flags: Collection[str]) -> str:
    """What to say of a word that nothing expects, with the flag that is nearest to it."""
    flag = word.partition("=")[0].replace("_", "-")
    if not flag.startswith("-"):
        return f"{word}: unexpected argument"
    near = get_close_matches(flag, flags, n=1, cutoff=0.8)
    return f"{flag}: there is no such flag" + "".join(f" (did you mean {each}?)" for each in near)


def name(argument: Any) -> str:
    """An argument's flag, or the metavar of a positional one."""
    return (
        argument.lowered.metavar if argument.is_positional() else argument.lowered.name_or_flags[0]
    )


def spell(argument: Any) -> str:
    """An argument as it is to be given: `--weights PATH`."""
    return (
        name(argument)
        if argument.is_positional()
        else f"{name(argument)} {argument.lowered.metavar}"
    )


def kind(argument: Any) -> str:
    """What an argument's value has to be, in words."""
    metavar = argument.lowered.metavar
    word = next((words for types, words in KINDS.items() if types in metavar), None)
    if word is None:
        return metavar
    return f"{word}s" if argument.lowered.nargs == "*" else f"a {word}"


def given(argument: Any, arguments: Sequence[str]) -> Iterator[str]:
    """The words behind the last mention of an argument's flag."""
    words = [part for each in arguments for part in each.split("=", maxsplit=1)]
    places = [k for k, word in enumerate(words) if word.replace("_", "-") == name(argument)]
    for word in words[places[-1] + 1 :] if places else ():
        if word.startswith("--"):
            return
        yield word


def fields_of(request: type) -> Iterator[tuple[Field, Any, type]]:
    """What a command line can set: the fields of a dataclass, with those of the dataclasses within
    it, each with its type and the dataclass that it belongs to."""
    hints = get_type_hints(request, include_extras=True)
    for item in fields(request):
        hint = hints[item.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from fields_of(hint)
        elif SUPPRESSED not in get_args(hint)[1:]:
            yield item, hint, request


def flags_of(request: type) -> list[str]:
    """The flags of a dataclass, with those of the dataclasses within it."""
    return [
        flag
        for item, hint, _ in fields_of(request)
        if not is_positional(hint)
        for flag in flags_of_field(item, hint)
    ]


def flags_of_field(item: Field, hint: Any) -> list[str]:
    """The flag that sets a field; of a switch that is a pair, the one that turns it off as well."""
    spelled = item.name.replace("_", "-")
    return [f"--{spelled}", f"--no-{spelled}"] if hint is bool else [f"--{spelled}"]


def is_positional(hint: Any) -> bool:
    """Whether a field of this type is set by a word without a flag."""
    return POSITIONAL in get_args(hint)[1:]
