"""The entry of `python -m pytorch_impl` and its twins, and of their commands."""

import importlib
import os
import sys
from pathlib import Path
from typing import Literal

from commands.requests import (
    EvaluateRequest,
    ExportRequest,
    PredictRequest,
    ProfileRequest,
    SummaryRequest,
)
from shared.clock import Clock
from shared.config import TrainConfig, physical_cores, prepare_environment
from shared.errors import UsageError
from shared.flags import CHILD_VARIABLE, Flag, interrupt_on_terminate, parse_flags
from shared.registry import IMPLEMENTATIONS, RUNS, implementation_of


def main(package: str) -> int:
    """Run one implementation alone, or as the child of a comparison; returns the exit status."""
    name = implementation_of(package)
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        return run_command(name, sys.argv.pop(1))
    clock = Clock()
    variants = tuple(run.variant for run in IMPLEMENTATIONS[name])
    program = f"python -m {package}"

    def request(
        config: TrainConfig,
        variant: Literal[variants] = variants[0],
        output_dir: Path | None = None,
        profile: Flag = False,
    ) -> tuple[TrainConfig, str, Path | None, bool]:
        """Train the network, test it, save its weights, its curves and its predictions.

        Args:
            variant: Way to run the training loop.
            output_dir: Folder for the results, new or empty; by default results/<UTC time>.
            profile: Then watch a few more steps with the framework's profiler; write trace.json.
        """
        if profile and IMPLEMENTATIONS[name][0].framework == "numpy":
            raise UsageError(
                "--profile: NumPy has no profiler; "
                "expected it with pytorch_impl or tensorflow_impl."
            )
        return config, variant, output_dir, profile

    try:
        config, variant, output_dir, profile = parse_flags(request, program)
        prepare_environment(config.threads, RUNS[f"{name}/{variant}"].environment)
        interrupt_on_terminate()
        # Only now, because NumPy reads the number of threads when it is imported; and not both,
        # because what draws pictures takes longer to import than an epoch to train.
        if slug := os.environ.get(CHILD_VARIABLE):
            from commands.single_run import run_as_child

            run_as_child(name, variant, config, output_dir, slug, clock)
        else:
            from commands.train import run_alone

            return run_alone(name, variant, config, output_dir, clock, profile)
    except UsageError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted before the training began.", file=sys.stderr)
        return 1


Command = Literal["evaluate", "predict", "export", "summary", "profile"]

# What each command asks for, and the function of the implementation's name and the request that
# does it; a number that it returns is the exit status.
COMMANDS: dict[Command, tuple[type, str, str]] = {
    "evaluate": (EvaluateRequest, "commands.evaluate", "evaluate"),
    "predict": (PredictRequest, "commands.predict", "predict"),
    "export": (ExportRequest, "commands.export", "export"),
    "summary": (SummaryRequest, "commands.summary", "summarize"),
    "profile": (ProfileRequest, "commands.profile", "profile"),
}


def run_command(name: str, command: Command) -> int:
    """Do what `python -m PACKAGE COMMAND` asks for; returns the exit status.

    Args:
        name: a key of IMPLEMENTATIONS.
        command: the file that was run.
    """
    program = f"python -m {IMPLEMENTATIONS[name][0].package} {command}"
    request, module, function = COMMANDS[command]
    try:
        asked = parse_flags(request, program)
        config = getattr(asked, "config", None)
        prepare_environment(
            getattr(config, "threads", physical_cores()), IMPLEMENTATIONS[name][0].environment
        )
        interrupt_on_terminate()
        return getattr(importlib.import_module(module), function)(name, asked) or 0
    except UsageError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted.", file=sys.stderr)
        return 1
