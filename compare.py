"""Train the same network in PyTorch and in TensorFlow, and report them side by side."""

import sys

from comparison.plan import Request
from shared.flags import parse_flags
from shared.program import run_program
from shared.threads import pin_threads

PROGRAM = "python compare.py"


def main() -> int:
    """The command; returns the exit status."""
    return run_program(PROGRAM, compare)


def compare() -> int:
    """Do what the command line asks for; returns the exit status."""
    request = parse_flags(Request, PROGRAM)
    pin_threads(request.config.threads)
    # Only now: what reads data and draws pictures takes longer to import than --help may take.
    from comparison import run

    return run.compare(request)


if __name__ == "__main__":
    sys.exit(main())
