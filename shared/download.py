"""The files of a dataset: found, verified, and downloaded from the first mirror that has them."""

import errno
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shared.dataset_files import DataError, describe_places, find_missing
from shared.dataset_records import DATASETS, STAND_IN
from shared.formats import duration

if TYPE_CHECKING:
    from rich.progress import Progress

TIMEOUT = (10, 30)  # seconds to connect, seconds without a byte
PATIENCE = 60  # seconds in which a mirror must send at least LEAST bytes
LEAST = 60_000
# Columns of a terminal that has room for a bar beside the name of a file.
WIDE = 90

CauseKind = Literal[
    "timeout",
    "status",
    "redirects",
    "insecure",
    "proxy",
    "refused",
    "not_found",
    "unreachable",
    "broken_off",
    "too_slow",
    "too_long",
    "too_short",
    "wrong_bytes",
    "unusable",
]


@dataclass(frozen=True)
class MirrorFailure:
    """What a mirror did wrong, with the numbers that belong to it."""

    kind: CauseKind
    status: int | None = None
    """Of HTTP."""
    reason: str | None = None
    """What the server says beside its status."""
    received: int | None = None
    """Bytes."""
    expected: int | None = None
    """Bytes."""
    seconds: float | None = None


@dataclass(frozen=True)
class MissingFiles:
    """Why a dataset can't be had: the files that are not there, and what each mirror did wrong.

    Without mirrors, the network was not to be used.
    """

    dataset: str
    folder: str
    """The whole path."""
    files: list[str]
    not_downloaded: str | None = None
    """The file that no mirror had."""
    mirrors: dict[str, MirrorFailure] = field(default_factory=dict)
    told: str | None = None
    """What a result of the first schema says instead of all this."""


CAUSES: dict[CauseKind, str] = {
    "timeout": "timed out",
    "status": "answered {status} {reason}",
    "redirects": "redirected too often",
    "insecure": "offered no secure connection",
    "proxy": "could not be reached through the proxy",
    "refused": "refused the connection",
    "not_found": "could not be found",
    "unreachable": "could not be reached",
    "broken_off": "broke off the connection",
    "too_slow": "sent fewer than {expected} bytes in {seconds:g} seconds",
    "too_long": "sent more than the expected {expected} bytes",
    "too_short": "sent {received} bytes instead of {expected}",
    "wrong_bytes": "sent wrong bytes (the checksum differs)",
    "unusable": "gave no usable answer",
}


class DownloadError(DataError):
    """The files are missing, and every mirror failed or the network may not be used."""

    def __init__(self, missing: MissingFiles) -> None:
        super().__init__(describe_missing(missing))
        self.missing = missing


class BadMirror(Exception):
    """A mirror sent what the file can't be."""

    def __init__(self, failure: MirrorFailure) -> None:
        super().__init__(failure)
        self.failure = failure


def describe_missing(missing: MissingFiles) -> str:
    """In one sentence why a dataset can't be had, and what to do."""
    if missing.told:
        return missing.told
    where = f"{missing.dataset} is not in {missing.folder}"
    by_hand = f"place {', '.join(missing.files)} in {missing.folder} by hand"
    if places := describe_places(missing.dataset):
        by_hand += f" ({places})"
    if not missing.mirrors:
        return (
            f"{where} and --offline forbids downloading it: {by_hand}, or run once without "
            "--offline."
        )
    tried = "; ".join(
        f"{mirror} {CAUSES[failure.kind].format(**vars(failure))}"
        for mirror, failure in missing.mirrors.items()
    )
    return (
        f"{where} and {missing.not_downloaded} could not be downloaded ({tried}): {by_hand}, or "
        "try again later."
    )


def describe_stand_in(missing: MissingFiles) -> str:
    """Why another dataset is used than was meant."""
    if missing.told:
        return missing.told
    return f"{describe_missing(missing)} Using scikit-learn's {STAND_IN} instead."


def require_folder(folder: Path) -> None:
    """Raise NotADirectoryError if neither is it a folder, nor can it be made one."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    if there is not None and not there.is_dir():
        words = f"{there} is a file instead of a folder"
        raise NotADirectoryError(errno.ENOTDIR, words, str(there))


def download_missing(name: str, data_dir: Path) -> None:
    """Download what is missing, one process at a time; each file appears complete or not at all."""
    from filelock import FileLock

    bars = _bars()
    folder = data_dir / name
    partial = folder / ".partial"
    causes: dict[str, MirrorFailure] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"), bars:
        try:
            # Looked up again: another process may have downloaded them while this one waited.
            for filename in find_missing(name, data_dir)[0]:
                _download_file(name, filename, partial, causes, bars)
                (partial / filename).chmod(0o644)  # temporary files are private to their owner
                (partial / filename).replace(folder / filename)
        finally:  # also removes what an earlier, killed download left behind
            shutil.rmtree(partial, ignore_errors=True)


def _bars() -> "Progress":
    """What a terminal shows of downloads, each in one line."""
    from rich import progress
    from rich.console import Console

    class Left(progress.ProgressColumn):
        def render(self, task: progress.Task) -> str:
            seconds = task.time_remaining
            return "" if seconds is None else f"{duration(seconds)} left"

    console = Console(stderr=True)
    columns = [progress.TextColumn("{task.description}"), progress.DownloadColumn()]
    if console.width >= WIDE:
        columns += [progress.BarColumn(), progress.TransferSpeedColumn(), Left()]
    return progress.Progress(*columns, console=console, disable=not sys.stderr.isatty())


def _download_file(
    name: str, filename: str, partial: Path, causes: dict[str, MirrorFailure], bars: "Progress"
) -> None:
    """Fetch one file from the first mirror that has it; causes gathers why the others failed."""
    import pooch
    import requests
    import urllib3

    pooch.get_logger().setLevel("WARNING")
    size, sha256, *_ = DATASETS[name].files[filename]
    bar = bars.add_task(f"{name}/{filename}", total=size)
    if bars.disable:
        print(f"Downloading {name}/{filename} ({size:,} bytes)", file=sys.stderr)

    def fetch(url: str, path: str, _: object) -> None:
        _stream(url, path, size, lambda received: bars.update(bar, completed=received))

    failures = (BadMirror, requests.RequestException, urllib3.exceptions.HTTPError, ValueError)
    # Mirrors that failed before are tried last, or a dead one would cost its timeout per file.
    for mirror in sorted(DATASETS[name].mirrors, key=causes.__contains__):
        try:
            pooch.retrieve(mirror + filename, sha256, filename, partial, downloader=fetch)
            return
        except failures as error:
            causes[mirror] = _diagnose(error)
    folder = partial.parent
    missing, _ = find_missing(name, folder.parent)
    raise DownloadError(MissingFiles(name, str(folder.absolute()), missing, filename, causes))


def _stream(url: str, path: str, size: int, show: Callable[[int], None]) -> None:
    """Write the body of a URL to a file.

    Not pooch's own downloader: that one waits for whole chunks, so that a trickle of bytes escapes
    every timeout, and unpacks a .gz file that a server labels as "Content-Encoding: gzip".
    """
    import requests

    headers = {"Accept-Encoding": "identity"}
    received, mark, deadline = 0, 0, time.monotonic() + PATIENCE
    with (
        requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response,
        Path(path).open("wb") as file,
    ):
        response.raise_for_status()
        while chunk := response.raw.read1(1 << 16):
            file.write(chunk)
            received += len(chunk)
            show(received)
            if received > size:
                raise BadMirror(MirrorFailure("too_long", expected=size))
            if time.monotonic() > deadline:
                if received < mark + LEAST:
                    slow = MirrorFailure("too_slow", expected=LEAST, seconds=PATIENCE)
                    raise BadMirror(slow)
                mark, deadline = received, time.monotonic() + PATIENCE
    if received < size:
        raise BadMirror(MirrorFailure("too_short", received=received, expected=size))


def _diagnose(error: Exception) -> MirrorFailure:
    """What a mirror did wrong."""
    from requests import exceptions as http
    from urllib3 import exceptions as low

    if isinstance(error, BadMirror):
        return error.failure
    if isinstance(error, http.HTTPError) and error.response is not None:
        response = error.response
        return MirrorFailure("status", status=response.status_code, reason=response.reason)
    kinds: dict[tuple[type[Exception], ...], CauseKind] = {
        (http.Timeout, low.TimeoutError): "timeout",
        (http.TooManyRedirects,): "redirects",
        (http.SSLError, low.SSLError): "insecure",
        (http.ProxyError,): "proxy",
        (http.ConnectionError,): _kind_of_connection_error(str(error)),
        (low.ProtocolError,): "broken_off",
        (http.RequestException, low.HTTPError): "unusable",
    }
    # The first that fits, because the later ones are more general. None: pooch's own ValueError.
    fitting = (kind for types, kind in kinds.items() if isinstance(error, types))
    return MirrorFailure(next(fitting, "wrong_bytes"))


def _kind_of_connection_error(message: str) -> CauseKind:
    """Which one it was, as far as only the message tells."""
    hints: dict[str, CauseKind] = {
        "aborted": "unusable",
        "refused": "refused",
        "resolve": "not_found",
    }
    return next((hints[word] for word in hints if word in message), "unreachable")
