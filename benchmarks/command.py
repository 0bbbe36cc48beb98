"""What every benchmark's command shares: flags from a dataclass, and how it ends."""

import sys
from collections.abc import Callable
from typing import TypeVar

from shared.command_line import interrupt_on_terminate, parse_flags
from shared.config import UsageError

Request = TypeVar("Request")


def run_benchmark(name: str, request: type[Request], measure: Callable[[Request], int]) -> int:
    """Do what the command line asks for; returns the exit status.

    Args:
        name: of the module in this package.
    """
    program = f"python -m benchmarks.{name}"
    try:
        interrupt_on_terminate()
        return measure(parse_flags(request, program))
    except UsageError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except ChildProcessError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted before everything was measured.", file=sys.stderr)
        return 1
