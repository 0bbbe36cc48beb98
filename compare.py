"""Train the same network in PyTorch and in TensorFlow, and report them side by side."""

import sys

from comparison.plan import Request
from shared.errors import UsageError
from shared.flags import interrupt_on_terminate, parse_flags

PROGRAM = "python compare.py"


def main() -> int:
    """The command; returns the exit status."""
    try:
        request = parse_flags(Request, PROGRAM)
        interrupt_on_terminate()
        # Only now: what reads data and draws pictures takes longer to import than --help may take.
        from comparison.run import compare

        return compare(request)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"{PROGRAM}: interrupted before a run was finished; nothing was kept.", file=sys.stderr
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
