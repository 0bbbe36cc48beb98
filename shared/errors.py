"""What goes wrong because of the request, not of the program."""

from shared.visible import visible


class UsageError(Exception):
    """The request itself was wrong; the message is one sentence for the user (exit status 2)."""

    def __str__(self) -> str:
        """The message, in which names of any origin may stand, as it can be printed."""
        return visible(super().__str__())


class CheckpointError(UsageError):
    """A training can't save where it is; the message is one sentence for the user."""

    def __init__(self, message: str, reason: str = "") -> None:
        """Keep the message, and what the system said."""
        super().__init__(message)
        self.reason = reason
