"""`python -m tensorflow_impl`: train, test and save the network."""

import sys

from commands.entry import main

if __name__ == "__main__":
    sys.exit(main(__package__))
