"""What goes wrong because of the request, not of the program."""


class UsageError(Exception):
    """The request itself was wrong; the message is one sentence for the user (exit status 2)."""


class CheckpointError(UsageError):
    """A training can't save where it is; the message is one sentence for the user."""
