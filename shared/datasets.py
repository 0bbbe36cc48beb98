"""MNIST, Fashion-MNIST and digits as NumPy arrays: downloaded once, verified on every load.

`prepare_dataset` is the only function here that uses the network; `load_dataset` only reads files.
"""

import hashlib
import math
import os
import shutil
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shared.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

DATASETS = ("mnist", "fashion-mnist", "digits")

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

# Mean and standard deviation of the training pixels, scaled to [0, 1].
STANDARDIZATION = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}

DIGIT_NAMES = tuple("0123456789")
FASHION_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

TIMEOUT = (10, 30)  # seconds to connect, seconds without a byte
PATIENCE = 60  # seconds in which a mirror must send at least LEAST bytes
LEAST = 60_000


class DataError(UsageError):
    """A dataset cannot be used; the message is one sentence that says why and what to do."""


class DownloadError(DataError):
    """The files are missing, and every mirror failed or the network may not be used."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Standardized images, their labels, and where they came from."""

    name: str
    train_images: np.ndarray  # [n, 784] float32 or float64, mean about 0 and deviation about 1
    train_labels: np.ndarray  # [n] int64, 0 to 9
    test_images: np.ndarray  # [m, 784], as train_images
    test_labels: np.ndarray  # [m] int64, 0 to 9
    class_names: tuple[str, ...]  # of labels 0 to 9
    mean: float  # of the training pixels in [0, 1]: pixel = image * deviation + mean
    deviation: float
    sha256: dict[str, str]  # of each source file
    validation_images: np.ndarray | None = None  # [k, 784], held out of the training images
    validation_labels: np.ndarray | None = None  # [k] int64

    def with_test_images(self, limit: int) -> "Dataset":
        """The same dataset with only the first test images."""
        return replace(
            self, test_images=self.test_images[:limit], test_labels=self.test_labels[:limit]
        )


def prepare_dataset(
    name: str | None, data_dir: Path, *, offline: bool = False
) -> tuple[str, str | None]:
    """Make sure that the files of a dataset are there and intact, downloading missing ones.

    Returns the name of the dataset to use and a notice for the user, or None. A name of None means
    MNIST, or digits (with a notice) if MNIST is neither there nor can be downloaded. Files that
    are there are verified and never written to; offline=True never uses the network.

    Raises DownloadError if files are missing and cannot be downloaded, and DataError if the name
    is unknown, a file is not the published one, or the folder cannot be used.
    """
    if name is None:
        try:
            return prepare_dataset("mnist", data_dir, offline=offline)
        except DownloadError as error:
            return "digits", f"{error} The embedded digits dataset is used instead."
    _require_known(name)
    if name == "digits":
        return name, None

    folder = Path(data_dir) / name
    try:
        missing = _find_missing(name, folder)
        if missing and offline:
            raise DownloadError(
                f"{name} is not in {folder} and may not be downloaded offline: "
                f"{_place_by_hand(missing, folder)}, or run once without --offline."
            )
        if missing:
            _download_missing(name, folder)
    except OSError as error:
        raise DataError(
            f"The data folder {folder} cannot be used ({error.strerror or error}): "
            "choose another one with --data-dir."
        ) from error
    return name, None


def load_dataset(
    name: str,
    data_dir: Path,
    *,
    limit: int | None = None,
    float_type: str = "float32",
    pixels: str = "standardized",
) -> Dataset:
    """Read, verify, decode and standardize a dataset, without ever using the network.

    The limit keeps only the first training images; the test images always stay complete. Unless
    they are to be standardized, pixels are simply from 0 to 1.

    Raises DataError if the name, limit or float_type is not possible, or a file is missing, not
    the published one, or malformed.
    """
    _require_known(name)
    if float_type not in ("float32", "float64"):
        raise DataError(f"The float type is {float_type!r} but must be float32 or float64.")
    if name == "digits":
        arrays, sha256 = _read_digits()
        mean, deviation = arrays[0].mean() / 255, arrays[0].std() / 255
    else:
        arrays, sha256 = _read_files(name, Path(data_dir) / name)
        mean, deviation = STANDARDIZATION[name]
    if pixels == "unit":
        mean, deviation = 0.0, 1.0

    train_images, train_labels, test_images, test_labels = arrays
    if limit is not None and not 1 <= limit <= len(train_images):
        raise DataError(
            f"The limit is {limit} but must be from 1 to {len(train_images)}, "
            f"the number of training images in {name}."
        )
    return Dataset(
        name=name,
        train_images=standardize(train_images[:limit], mean, deviation, float_type),
        train_labels=train_labels[:limit].astype(np.int64),
        test_images=standardize(test_images, mean, deviation, float_type),
        test_labels=test_labels.astype(np.int64),
        class_names=FASHION_NAMES if name == "fashion-mnist" else DIGIT_NAMES,
        mean=float(mean),
        deviation=float(deviation),
        sha256=sha256,
    )


def open_dataset() -> Dataset:
    """MNIST for a program without flags, from DATA_DIR or `data`; downloaded if it is missing.

    Where no mirror can be reached, says so and gives the embedded digits. A damaged file or an
    unusable folder ends the program with one sentence and exit status 2.
    """
    data_dir = Path(os.environ.get("DATA_DIR") or "data")
    try:
        name, notice = prepare_dataset(None, data_dir)
        if notice:
            print(notice, file=sys.stderr)
        return load_dataset(name, data_dir)
    except DataError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def decode_idx(raw: bytes, source: str) -> np.ndarray:
    """Decode gzipped IDX bytes: images [n, height, width] or labels [n], uint8, read-only.

    Raises DataError, naming the source, unless the bytes are exactly one gzip stream that holds
    exactly one non-empty array, and labels are 0 to 9.
    """
    inflater = zlib.decompressobj(wbits=31)  # 31: gzip only, and its checksum is verified
    try:
        content = inflater.decompress(raw)
    except zlib.error as error:
        raise DataError(f"{source} is not a valid gzip file ({error}).") from error
    if not inflater.eof or inflater.unused_data:
        problem = "goes on after" if inflater.eof else "ends before"
        raise DataError(f"{source} {problem} the end of its gzip stream.")

    dimensions = {b"\0\0\x08\x01": 1, b"\0\0\x08\x03": 3}.get(content[:4])
    if dimensions is None:
        raise DataError(f"{source} does not start like an IDX file of images or labels.")
    header = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4))
    if 0 in shape or len(content) != header + math.prod(shape):
        raise DataError(f"{source} holds {len(content)} bytes, which does not fit shape {shape}.")
    array = np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    if dimensions == 1 and array.max() > 9:
        raise DataError(f"{source} holds the label {array.max()}, but labels must be 0 to 9.")
    return array


def _require_known(name: str) -> None:
    if name not in DATASETS:
        raise DataError(f"The dataset {name!r} is unknown: choose one of {', '.join(DATASETS)}.")


def _place_by_hand(filenames: list[str], folder: Path) -> str:
    return f"place {', '.join(filenames)} in {folder.absolute()} by hand"


def _find_missing(name: str, folder: Path) -> list[str]:
    """Return the names of the files that are not there; DataError if one that is there is bad."""
    present = [filename for filename in FILES[name] if (folder / filename).exists()]
    for filename in present:
        _read_verified(folder / filename, *FILES[name][filename])
    return [filename for filename in FILES[name] if filename not in present]


def _read_verified(path: Path, size: int, sha256: str) -> bytes:
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{path} is not the published file ({len(raw)} bytes, SHA-256 {digest[:12]}..., "
            f"instead of {size} bytes, {sha256[:12]}...): delete it to have it downloaded again."
        )
    return raw


def _download_missing(name: str, folder: Path) -> None:
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
            for filename in _find_missing(name, folder):
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
        f"{_place_by_hand(_find_missing(name, folder), folder)}, or try again later."
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


def _read_files(name: str, folder: Path) -> tuple[list[np.ndarray], dict[str, str]]:
    """Return train images, train labels, test images, test labels, and each file's SHA-256."""
    arrays = []
    for filename, (size, sha256) in FILES[name].items():
        path = folder / filename
        try:
            raw = _read_verified(path, size, sha256)
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}): "
                f"{_place_by_hand([filename], folder)}, or run once without --offline."
            ) from error
        arrays.append(decode_idx(raw, str(path)))
    for split, images, labels in (("train", *arrays[:2]), ("test", *arrays[2:])):
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
            raise DataError(
                f"The {split} files in {folder} do not belong together: images {images.shape}, "
                f"labels {labels.shape}, instead of as many 28x28 images as labels."
            )
    return arrays, {filename: sha256 for filename, (_, sha256) in FILES[name].items()}


def enlarge_digits(images: np.ndarray) -> np.ndarray:
    """Images [n, 8, 8] from 0 to 1 -> [n, 28, 28] uint8, interpolated linearly."""
    # The centres of the new pixels, in old ones.
    places = (np.arange(28) + 0.5) / 3.5 - 0.5
    spread = np.array([np.interp(places, np.arange(8), unit) for unit in np.eye(8)])
    return np.rint(spread.T @ images @ spread * 255).astype(np.uint8)


def _read_digits() -> tuple[list[np.ndarray], dict[str, str]]:
    """Return scikit-learn's 8x8 digits in the form of MNIST: 28x28 uint8, split 1,437/360.

    The split is stratified by class and always the same.
    """
    # Only their file, because importing scikit-learn takes longer than training on them.
    path = Path(find_spec("sklearn").origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        rows = np.loadtxt(path, delimiter=",", dtype=np.int64)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error}): expected the digits that scikit-learn carries; "
            "install scikit-learn again."
        ) from None
    raw, labels = rows[:, :-1].reshape(-1, 8, 8).astype(np.uint8), rows[:, -1]  # 0 to 16
    images = enlarge_digits(raw / 16)
    shuffled = np.random.default_rng(0).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    is_test = np.zeros(len(labels), bool)
    is_test[by_class[::5]] = True
    # `limit` takes the first ones, so that these are of all classes.
    train, test = shuffled[~is_test[shuffled]], shuffled[is_test[shuffled]]
    sha256 = {"sklearn digits": hashlib.sha256(raw.tobytes()).hexdigest()}
    return [images[train], labels[train], images[test], labels[test]], sha256


def standardize(images: np.ndarray, mean: float, deviation: float, float_type: str) -> np.ndarray:
    """images [n, 28, 28] uint8 -> [n, 784]; in place, because a copy takes a third of a GB."""
    pixels = images.reshape(len(images), -1).astype(float_type)
    pixels /= 255
    pixels -= mean
    pixels /= deviation
    return pixels
