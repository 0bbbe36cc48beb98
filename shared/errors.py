"""What goes wrong because of the request, not of the program."""


class UsageError(Exception):
    """The request itself was wrong; the message is one sentence for the user (exit status 2)."""
