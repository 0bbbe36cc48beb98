"""The files of a dataset: found, verified, and downloaded from the first mirror that has them."""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
}

_FILENAMES = (  # in the order in which `load_dataset` unpacks them
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_PUBLISHED = {  # size in bytes and SHA-256 of each file
    "mnist": (
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
    "fashion-mnist": (
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
}
FILES = {name: dict(zip(_FILENAMES, rows, strict=True)) for name, rows in _PUBLISHED.items()}

TIMEOUT = (10, 30)  # seconds to connect, seconds without a byte
PATIENCE = 60  # seconds in which a mirror must send at least LEAST bytes
LEAST = 60_000


class DataError(UsageError):
    """A dataset cannot be used; the message is one sentence that says why and what to do."""


class DownloadError(DataError):
    """The files are missing, and every mirror failed or the network may not be used."""


def place_by_hand(filenames: list[str], folder: Path) -> str:
    return f"place {', '.join(filenames)} in {folder.absolute()} by hand"


def find_missing(name: str, folder: Path) -> list[str]:
    """Return the names of the files that are not there; DataError if one that is there is bad."""
    present = [filename for filename in FILES[name] if (folder / filename).exists()]
    for filename in present:
        read_verified(folder / filename, *FILES[name][filename])
    return [filename for filename in FILES[name] if filename not in present]


def read_verified(path: Path, size: int, sha256: str) -> bytes:
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{path} is not the published file ({len(raw)} bytes, SHA-256 {digest[:12]}..., "
            f"instead of {size} bytes, {sha256[:12]}...): delete it to have it downloaded again."
        )
    return raw


def download_missing(name: str, folder: Path) -> None:
    """Download what is missing, one process at a time; each file appears complete or not at all."""
    from filelock import FileLock
    from rich import progress
    from rich.console import Console

    bars = progress.Progress(
        "{task.description}",
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    partial = folder / ".partial"
    causes: dict[str, str] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"), bars:
        try:
            # Looked up again: another process may have downloaded them while this one waited.
            for filename in find_missing(name, folder):
                _download_file(name, filename, partial, causes, bars)
                (partial / filename).chmod(0o644)  # temporary files are private to their owner
                (partial / filename).replace(folder / filename)
        finally:  # also removes what an earlier, killed download left behind
            shutil.rmtree(partial, ignore_errors=True)


def _download_file(
    name: str, filename: str, partial: Path, causes: dict[str, str], bars: "Progress"
) -> None:
    """Fetch one file from the first mirror that has it; causes gathers why the others failed."""
    import pooch
    import requests
    import urllib3

    pooch.get_logger().setLevel("WARNING")
    size, sha256 = FILES[name][filename]
    bar = bars.add_task(f"{name}/{filename}", total=size)
    if bars.disable:
        print(f"Downloading {name}/{filename} ({size:,} bytes)", file=sys.stderr)

    def fetch(url: str, path: str, _: object) -> None:
        _stream(url, path, size, lambda received: bars.update(bar, completed=received))

    failures = (DownloadError, requests.RequestException, urllib3.exceptions.HTTPError, ValueError)
    # Mirrors that failed before are tried last, or a dead one would cost its timeout per file.
    for mirror in sorted(MIRRORS[name], key=causes.__contains__):
        try:
            pooch.retrieve(mirror + filename, sha256, filename, partial, downloader=fetch)
            return
        except failures as error:
            causes[mirror] = _describe(error)
    folder = partial.parent
    tried = "; ".join(f"{mirror} {cause}" for mirror, cause in causes.items())
    raise DownloadError(
        f"{name} is not in {folder} and {filename} could not be downloaded ({tried}): "
        f"{place_by_hand(find_missing(name, folder), folder)}, or try again later."
    )


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
                raise DownloadError(f"sent more than the expected {size} bytes")
            if time.monotonic() > deadline:
                if received < mark + LEAST:
                    raise DownloadError(f"sent fewer than {LEAST} bytes in {PATIENCE} seconds")
                mark, deadline = received, time.monotonic() + PATIENCE
    if received < size:
        raise DownloadError(f"sent {received} bytes instead of {size}")


def _describe(error: Exception) -> str:
    """Say in a few words what a mirror did wrong."""
    from requests import exceptions as http
    from urllib3 import exceptions as low

    if isinstance(error, DownloadError):
        return str(error)
    if isinstance(error, http.HTTPError):
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, (http.Timeout, low.TimeoutError)):
        return "timed out"
    if isinstance(error, http.TooManyRedirects):
        return "redirected too often"
    if isinstance(error, (http.SSLError, low.SSLError)):
        return "offered no secure connection"
    if isinstance(error, http.ProxyError):
        return "could not be reached through the proxy"
    if isinstance(error, http.ConnectionError) and "aborted" not in str(error):
        hints = {"refused": "refused the connection", "resolve": "could not be found"}
        return next((hints[word] for word in hints if word in str(error)), "could not be reached")
    if isinstance(error, low.ProtocolError):
        return "broke off the connection"
    if isinstance(error, (http.RequestException, low.HTTPError)):
        return "gave no usable answer"
    return "sent wrong bytes (the checksum differs)"
