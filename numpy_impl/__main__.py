"""`python -m numpy_impl`: train, test, and save what was learned."""

import sys

from shared.command_line import main

if __name__ == "__main__":
    sys.exit(main("numpy"))
