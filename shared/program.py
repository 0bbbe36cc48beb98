"""What all commands have around their work: interrupts, outputs that go away, how they end."""

from collections.abc import Callable

from shared import interrupts, streams
from shared.errors import UsageError


class Interrupted(KeyboardInterrupt):
    """An interrupt after which there is something to say: a sentence for the user."""


def run_program(program: str, main: Callable[[], int], *, prints_only: bool = False) -> int:
    """Do a command's work; returns the exit status.

    Args:
        program: how the command is called, to begin its complaints with.
        main: the work; returns the exit status.
        prints_only: what it prints is all that there is of it, so that it fails without.
    """
    streams.forgive("stdout", "stderr")
    interrupts.listen()
    try:
        try:
            status = main()
        finally:
            # How it ended is decided; one more Ctrl-C must not cut short what is said of it.
            interrupts.mute()
    except UsageError as error:
        status = 2
        streams.tell(f"{program}: {error}")
    except OSError as error:
        # Without a name it is no file that a person can do something about.
        if error.filename is None:
            raise
        status = 1
        streams.tell(f"{program}: {error.filename}: {error.strerror}.")
    except KeyboardInterrupt as stop:
        status = 1
        streams.tell(f"{program}: {stop if str(stop) else 'interrupted.'}")
    if prints_only and (complaint := streams.complaint()):
        streams.tell(f"{program}: {complaint}")
        return status or 1
    return status
