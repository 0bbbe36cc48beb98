"""The one command of an implementation, `python -m pytorch_impl`: which of its parts is meant.

What an implementation can do is found from the files that its folder has.
"""

import importlib
import os
from collections.abc import Container, Mapping
from dataclasses import fields, make_dataclass
from importlib.util import find_spec
from typing import Any, Literal

from commands.requests import (
    EvaluateRequest,
    ExportRequest,
    PredictRequest,
    ProfileRequest,
    SummaryRequest,
    TrainRequest,
)
from shared.clock import Clock
from shared.errors import UsageError
from shared.flags import CHILD_VARIABLE, NoFlag, Sections, named_command, parse_command
from shared.program import run_program
from shared.registry import IMPLEMENTATIONS, LABELS, RUNS, Run, has_file, implementation_of
from shared.threads import physical_cores, prepare_environment
from shared.workers import find_rank, leave, refuse_other_number

# What each command asks for; the function of the same name in commands/NAME.py does it, for an
# implementation's name and the request, and may return an exit status. The first is the default.
COMMANDS: dict[str, type] = {
    "train": TrainRequest,
    "evaluate": EvaluateRequest,
    "predict": PredictRequest,
    "export": ExportRequest,
    "summary": SummaryRequest,
    "profile": ProfileRequest,
}

# Those that need a file of their name in the implementation's folder; all have the others.
OPTIONAL = ("export", "summary", "profile")


def main(package: str) -> int:
    """Do what the command line asks of one implementation; returns the exit status.

    Args:
        package: the folder that was run, its `__package__`.
    """
    clock = Clock()
    known = (each for each in COMMANDS if each not in OPTIONAL or find_spec(f"{package}.{each}"))
    command = named_command(tuple(known))
    program = f"python -m {package}"
    return run_program(
        f"{program} {command}" if command else program,
        lambda: perform(package, command or next(iter(COMMANDS)), clock),
        prints_only=command not in (None, "train"),
    )


def perform(package: str, command: str, clock: Clock) -> int:
    """Do a command; returns the exit status.

    Raises:
        UsageError: the request can't be met.
    """
    name = implementation_of(package)
    requests = requests_of(name)
    refuse_command_of_others(name, requests)
    asked = parse_command(requests, f"python -m {package}")
    if isinstance(asked, TrainRequest | ProfileRequest):
        run, threads = RUNS[f"{name}/{asked.variant}"], asked.config.threads_of_worker
        refuse_workers(run, asked)
    else:
        run, threads = IMPLEMENTATIONS[name][0], physical_cores()
    prepare_environment(threads, run.environment)
    if isinstance(asked, TrainRequest):
        return train(name, asked, clock)
    module = importlib.import_module(f"commands.{command}")
    return getattr(module, command)(name, asked) or 0


def refuse_workers(run: Run, asked: TrainRequest | ProfileRequest) -> None:
    """Refuse a number of workers that the run, the profiler or the launcher can't have.

    Raises:
        UsageError: names the flag.
    """
    workers = asked.config.workers
    refuse_other_number(workers)
    if workers > 1 and run.alone:
        able = [
            each.variant for each in RUNS.values() if each.package == run.package and not each.alone
        ]
        instead = f" Choose --variant {' or '.join(able)}." if able else ""
        raise UsageError(
            f"--workers {workers}: expected 1 with {run.name}, because {run.alone}.{instead}"
        )
    if workers > 1 and (isinstance(asked, ProfileRequest) or asked.profile):
        raise UsageError(f"--workers {workers}: expected 1 with the profiler, which records one.")


def refuse_command_of_others(name: str, known: Container[str]) -> None:
    """Refuse a command that only other implementations have.

    Raises:
        UsageError: names the command, and those that there are.
    """
    command = named_command(COMMANDS)
    if command is None or command in known:
        return
    offered = ", ".join(each for each in COMMANDS if each in known)
    raise UsageError(
        f"{command}: the {LABELS[name]} implementation has no such command; expected one of "
        f"{offered}."
    )


def train(name: str, request: TrainRequest, clock: Clock) -> int:
    """Train for a person, or as the child of a comparison; returns the exit status."""
    # Only now, because NumPy reads the number of threads when it is imported; and not all, because
    # what draws pictures takes longer to import than an epoch to train.
    if find_rank():
        from commands.helper import help_training

        help_training(name, request.variant, request.config, clock)
    if (slug := os.environ.get(CHILD_VARIABLE)) and request.output_dir:
        from commands.single_run import run_as_child

        folder = request.output_dir
        run_as_child(name, request.variant, request.config, folder, slug, clock)
    from commands.train import train_alone

    status = train_alone(name, request, clock)
    return status if request.config.workers == 1 else leave(status)


def requests_of(name: str) -> dict[str, type]:
    """What each command that an implementation has asks for, with the implementation's variants.

    Args:
        name: a key of IMPLEMENTATIONS.
    """
    variants = tuple(run.variant for run in IMPLEMENTATIONS[name])
    own: dict[str, tuple[Any, object]] = {"variant": (Literal[variants], variants[0])}
    lists = {"Variants": tuple((run.variant, run.about) for run in IMPLEMENTATIONS[name])}
    if not has_file(name, "profile"):
        own["profile"] = (NoFlag, False)
    return {
        command: with_own(request, own, lists)
        for command, request in COMMANDS.items()
        if command not in OPTIONAL or has_file(name, command)
    }


def with_own(request: type, own: Mapping[str, tuple[Any, object]], lists: Sections) -> type:
    """The request, those of its fields that `own` names having that type and default.

    Args:
        lists: what the variants are, for a request that has one.
    """
    changed = [(item.name, *own[item.name]) for item in fields(request) if item.name in own]
    namespace: dict[str, Any] = {"__doc__": request.__doc__}
    if "variant" in {name for name, *_ in changed}:
        namespace["sections"] = lists
    options = {"frozen": True, "kw_only": True}
    return make_dataclass(
        request.__name__, changed, bases=(request,), namespace=namespace, **options
    )
