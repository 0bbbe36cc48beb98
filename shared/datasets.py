"""MNIST, Fashion-MNIST and digits as NumPy arrays: downloaded once, verified on every load.

`prepare_dataset` is the only function here that uses the network; `load_dataset` only reads files.
"""

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from shared.dataset_files import DataError, describe_places, find, find_missing, unzip
from shared.dataset_records import (
    DATASETS,
    MEANT_BY_AUTO,
    SIDE,
    STAND_IN,
    EmbeddedTable,
    default_data_dir,
)
from shared.download import (
    DownloadError,
    MissingFiles,
    describe_stand_in,
    download_missing,
    require_folder,
)
from shared.streams import tell

# Bytes of an IDX file, zipped or not: those of 170,000 images.
LARGEST_IDX = 2**27


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
    sha256: dict[str, str]  # of each published file, whichever form of it was read
    validation_images: np.ndarray | None = None  # [k, 784], held out of the training images
    validation_labels: np.ndarray | None = None  # [k] int64

    def with_test_images(self, limit: int) -> "Dataset":
        """The same dataset with only the first test images."""
        return replace(
            self, test_images=self.test_images[:limit], test_labels=self.test_labels[:limit]
        )


def prepare_dataset(
    name: str | None, data_dir: Path, *, offline: bool = False
) -> tuple[str, MissingFiles | None]:
    """Make sure that the files of a dataset are there and intact, downloading missing ones.

    Returns the name of the dataset to use, and what was missing if it is not the one that was
    meant. A name of None means MNIST, or digits if MNIST is neither there nor can be downloaded.
    Files that are there are verified and never written to; offline=True never uses the network.

    Raises DownloadError if files are missing and cannot be downloaded, and DataError if the name
    is unknown, a file is not the published one, or the folder cannot be used.
    """
    if name is None:
        try:
            return prepare_dataset(MEANT_BY_AUTO, data_dir, offline=offline)
        except DownloadError as error:
            return STAND_IN, error.missing
    _require_known(name)
    if DATASETS[name].embedded:
        return name, None

    folder = Path(data_dir) / name
    try:
        require_folder(folder)
        missing, notices = find_missing(name, Path(data_dir))
        if missing and offline:
            raise DownloadError(MissingFiles(name, str(folder.absolute()), missing))
        if missing:
            download_missing(name, Path(data_dir))
        for notice in notices:
            tell(notice)
    except OSError as error:
        raise _unusable(folder, error) from error
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
    record = DATASETS[name]
    arrays, sha256 = (
        _read_table(record.embedded, record.style.canvas)
        if record.embedded
        else _read_files(name, Path(data_dir))
    )
    measured = arrays[0].mean() / 255, arrays[0].std() / 255
    mean, deviation = record.standardization or measured
    if pixels == "unit":
        mean, deviation = 0.0, 1.0

    train_images, train_labels, test_images, test_labels = arrays
    if limit is not None and not 1 <= limit <= len(train_images):
        raise DataError(
            f"--limit {limit}: expected a number from 1 to {len(train_images)}, the number of "
            f"training images in {name}."
        )
    return Dataset(
        name=name,
        train_images=standardize(train_images[:limit], mean, deviation, float_type),
        train_labels=train_labels[:limit].astype(np.int64),
        test_images=standardize(test_images, mean, deviation, float_type),
        test_labels=test_labels.astype(np.int64),
        class_names=record.class_names,
        mean=float(mean),
        deviation=float(deviation),
        sha256=sha256,
    )


def open_dataset() -> Dataset:
    """MNIST for a program without flags, from DATA_DIR or `data`; downloaded if it is missing.

    Where no mirror can be reached, says so and gives the embedded digits. A damaged file or an
    unusable folder ends the program with one sentence and exit status 2.
    """
    data_dir = default_data_dir()
    try:
        name, missing = prepare_dataset(None, data_dir)
        if missing:
            tell(describe_stand_in(missing))
        return load_dataset(name, data_dir)
    except DataError as error:
        tell(str(error))
        raise SystemExit(2) from None


def decode_idx(raw: bytes, source: str) -> np.ndarray:
    """Decode IDX bytes, zipped or not: images [n, height, width] or labels [n], uint8, read-only.

    Raises DataError, naming the source, unless the bytes are or zip exactly one non-empty array,
    and labels are 0 to 9.
    """
    try:
        content = unzip(raw, LARGEST_IDX)
    except ValueError as error:
        raise DataError(f"{source} {error}.") from None
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


def _unusable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"The data folder {folder} cannot be used ({error.strerror or error}); "
        "choose another with --data-dir."
    )


def _read_files(name: str, data_dir: Path) -> tuple[list[np.ndarray], dict[str, str]]:
    """Return train images, train labels, test images, test labels, and each file's SHA-256."""
    folder = data_dir / name
    try:
        require_folder(folder)
        files = [find(name, filename, data_dir) for filename in DATASETS[name].files]
    except OSError as error:
        raise _unusable(folder, error) from error
    arrays = []
    for filename, found in zip(DATASETS[name].files, files, strict=True):
        if found.path is None:
            raise next(
                iter(found.refused),
                DataError(
                    f"{folder / filename} is missing: place {filename} in {folder.absolute()} by "
                    f"hand ({describe_places(name)}), or run once without --offline."
                ),
            )
        arrays.append(decode_idx(found.content, str(found.path)))
    for split, images, labels in (("train", arrays[0], arrays[1]), ("test", arrays[2], arrays[3])):
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
            raise DataError(
                f"The {split} files in {folder} do not match: images {images.shape}, labels "
                f"{labels.shape}; expected as many 28x28 images as labels."
            )
    return arrays, {filename: file.sha256 for filename, file in DATASETS[name].files.items()}


def enlarge(images: np.ndarray) -> np.ndarray:
    """Images [n, side, side] from 0 to 1 -> [n, SIDE, SIDE] uint8, interpolated linearly."""
    side = images.shape[1]
    # The centres of the new pixels, in old ones.
    places = (np.arange(SIDE) + 0.5) * side / SIDE - 0.5
    spread = np.array([np.interp(places, np.arange(side), unit) for unit in np.eye(side)])
    return np.rint(spread.T @ images @ spread * 255).astype(np.uint8)


def _read_table(table: EmbeddedTable, side: int) -> tuple[list[np.ndarray], dict[str, str]]:
    """Return small images in the form of MNIST: [n, SIDE, SIDE] uint8, one in five for testing.

    The split is stratified by class and always the same.
    """
    package = find_spec(table.package)
    if package is None or package.origin is None:
        raise DataError(f"{table.package} is not installed, and so not its {table.file}.")
    path = Path(package.origin).parent / table.file
    try:
        # Not by its path, to which NumPy would need a working directory.
        with gzip.open(path, "rt", encoding="ascii") as lines:
            rows = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read ({error}): expected the images that come with "
            f"{table.package}; reinstall {table.package}."
        ) from None
    raw, labels = rows[:, :-1].reshape(-1, side, side).astype(np.uint8), rows[:, -1]
    images = enlarge(raw / table.brightest)
    shuffled = np.random.default_rng(0).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    is_test = np.zeros(len(labels), bool)
    is_test[by_class[::5]] = True
    # `limit` takes the first ones, so that these are of all classes.
    train, test = shuffled[~is_test[shuffled]], shuffled[is_test[shuffled]]
    sha256 = {table.source: hashlib.sha256(raw.tobytes()).hexdigest()}
    return [images[train], labels[train], images[test], labels[test]], sha256


def standardize(images: np.ndarray, mean: float, deviation: float, float_type: str) -> np.ndarray:
    """images [n, 28, 28] uint8 -> [n, 784]; in place, because a copy takes a third of a GB."""
    pixels = images.reshape(len(images), -1).astype(float_type)
    pixels /= 255
    pixels -= mean
    pixels /= deviation
    return pixels
