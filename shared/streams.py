"""Standard output and standard error that may go away: what was asked for is done all the same."""

import contextlib
import errno
import io
import os
import re
import sys
import textwrap
from typing import Any, TextIO

# Nobody listens any more, so there is nobody to complain to.
UNHEARD = (errno.EPIPE, errno.EIO, errno.EINVAL)


class Forgiving(io.RawIOBase):
    """Bytes on their way to a file, a pipe or a terminal, dropped once that fails."""

    def __init__(self, raw: io.RawIOBase, stream: TextIO) -> None:
        self.raw = raw
        # Who else wrote there, and would close it when nobody remembers it any more.
        self.stream = stream
        self.error: OSError | None = None

    def writable(self) -> bool:
        """It is, whatever becomes of what is written."""
        return True

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return self.raw.isatty()

    def fileno(self) -> int:
        """The descriptor."""
        return self.raw.fileno()

    def write(self, content: Any, /) -> int:
        """Write, or drop it and remember why."""
        if self.error is None:
            try:
                return self.raw.write(content) or 0
            except OSError as error:
                self.error = error
        return len(content)


def forgive(*names: str) -> None:
    """Let standard streams drop what can't be written.

    Args:
        names: `stdout`, `stderr`.
    """
    _open_closed()
    for name in names:
        stream = getattr(sys, name)
        if stream is None:
            # It was closed when this process started.
            setattr(sys, name, io.TextIOWrapper(io.BytesIO()))
        elif raw := _raw(stream):
            stream.flush()
            forgiving = io.TextIOWrapper(
                io.BufferedWriter(Forgiving(raw, stream)),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering or stream.write_through,
            )
            setattr(sys, name, forgiving)


def complaint() -> str | None:
    """Why standard output lacks something, in a sentence, if someone may still want to know."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    raw = _raw(sys.stdout)
    error = raw.error if isinstance(raw, Forgiving) else None
    if error is None or error.errno in UNHEARD:
        return None
    return f"standard output cannot be written ({error.strerror}), so some output is missing."


# The blank between a number and its unit, where no line ends.
BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:ms|s|min|h|MiB|GiB|images/s)\b)")
NO_BREAK = "\N{NO-BREAK SPACE}"


def fold(text: str, width: int) -> str:
    """The text in lines of at most so many letters, broken between words alone; what follows an
    indented line's beginning is indented as it is."""
    lines = []
    for line in BEFORE_UNIT.sub(NO_BREAK, text).split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        broken = textwrap.wrap(
            line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += broken or [""]
    return "\n".join(lines).replace(NO_BREAK, " ")


def tell(sentence: str) -> None:
    """Print a line to standard error, in a terminal broken between words."""
    width = 0
    if sys.stderr.isatty():
        with contextlib.suppress(OSError):
            width = os.get_terminal_size(sys.stderr.fileno()).columns
    print(fold(sentence, width) if width else sentence, file=sys.stderr)


def is_styled(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows bold letters and colours, and may."""
    asked = os.environ.get("NO_COLOR"), os.environ.get("TERM")
    return stream.isatty() and not asked[0] and asked[1] not in ("dumb", "unknown")


def _raw(stream: TextIO) -> io.RawIOBase | None:
    """What writes the bytes of a stream, if that is known."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw if isinstance(raw, io.RawIOBase) else None


def _open_closed() -> None:
    """Fill the places of closed standard streams, or the next files that are opened get them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
