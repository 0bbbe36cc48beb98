"""The files of a dataset wherever people keep them, zipped or not, each known by its content."""

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from shared.dataset_records import DATASETS
from shared.errors import UsageError
from shared.inputs import UnfitFile, read_regular

# Of the arrays in Keras's archives, in the order of a record's files.
ARRAYS = ("x_train", "y_train", "x_test", "y_test")

# Bytes beyond what is published up to which a file is read, to tell what is there instead.
SPARE = 1_000_000

# Of an array in an archive, beside its numbers.
LARGEST_NPY_HEADER = 10_000


class DataError(UsageError):
    """A dataset cannot be used; the message is one sentence that says why and what to do."""


class WrongFile(DataError):
    """There is something where a file is expected, but it is not the published one."""

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(f"{path} {what}: {remedy}.")
        self.short = f"{path} {what}"


@dataclass
class Found:
    """One file of a dataset: the first that is the published one, and what was refused."""

    path: Path | None = None
    content: bytes = b""
    """An IDX file, zipped or not."""
    refused: list[WrongFile] = field(default_factory=list)


def find(name: str, filename: str, data_dir: Path) -> Found:
    """Look everywhere for one file of a dataset.

    Args:
        name: a key of DATASETS.
        filename: as it is published, one of the record's files.
        data_dir: the folder of all datasets.
    """
    found = Found()
    for path in _candidates(name, filename, data_dir):
        try:
            found.content = read_published(path, name, filename)
        except WrongFile as error:
            found.refused.append(error)
        else:
            found.path = path
            break
    return found


def find_missing(name: str, data_dir: Path) -> tuple[list[str], list[str]]:
    """The names of the files that are nowhere, and a notice of each bad one beside a good one.

    Raises:
        WrongFile: of one there are only bad ones.
    """
    missing, notices = [], []
    for filename in DATASETS[name].files:
        found = find(name, filename, data_dir)
        if found.path is None:
            missing.append(filename)
            if found.refused:
                raise found.refused[0]
        notices += [f"{each.short}; {found.path} is used instead." for each in found.refused]
    return missing, notices


def describe_places(name: str) -> str:
    """Where the files of a dataset are looked for beside its own folder, in words."""
    if name not in DATASETS:
        return ""
    kept = ", ".join(DATASETS[name].kept_in)
    return f"found as well unzipped, as {name}.npz, in {kept} or directly in --data-dir"


def read_published(path: Path, name: str, filename: str) -> bytes:
    """The content of a published file, as an IDX file that may be zipped.

    Raises:
        WrongFile: it can't be read, or is another file.
    """
    published = DATASETS[name].files[filename]
    again = "delete it to have it downloaded again"
    try:
        raw = read_regular(path, _most())
    except UnfitFile as error:
        words = f"is not the published file of {published.size} bytes ({error.strerror})"
        raise WrongFile(path, words, again) from None
    except OSError as error:
        raise WrongFile(path, f"cannot be read ({error.strerror})", "make it readable") from None
    digest = hashlib.sha256(raw).hexdigest()
    if digest == published.sha256:
        return raw
    zipped = raw.startswith(b"\x1f\x8b")
    size, sha256 = published[:2] if zipped else published[2:]
    reason = (
        f"{len(raw)} bytes, SHA-256 {digest[:12]}..., instead of {size} bytes, {sha256[:12]}..."
    )
    try:
        content = _unpack(raw, list(DATASETS[name].files).index(filename))
    except ValueError as error:
        if not zipped:
            reason = str(error)
        content = b""
    digest = hashlib.sha256(content).hexdigest()
    if digest == published.unzipped_sha256:
        return content
    for other, record in DATASETS.items():
        for file, known in record.files.items():
            if digest == known.unzipped_sha256:
                words = f"holds {record.title}'s {file} instead of {DATASETS[name].title}'s "
                remedy = "move it away" + (f" or choose --dataset {other}" if other != name else "")
                raise WrongFile(path, words + filename, remedy)
    raise WrongFile(path, f"is not the published file ({reason})", again)


def unzip(raw: bytes, most: int) -> bytes:
    """What a gzip file holds, of at most so many bytes; what is no gzip file stays as it is.

    Raises:
        ValueError: it is damaged, holds more, or goes on.
    """
    # Not by the name, because some browsers unzip what they download and keep its name.
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    inflater = zlib.decompressobj(wbits=31)  # 31: gzip only, and its checksum is verified
    try:
        content = inflater.decompress(raw, most + 1)
    except zlib.error as error:
        raise ValueError(f"is not a valid gzip file ({error})") from None
    if len(content) > most:
        raise ValueError(f"holds more than {most:,} bytes")
    if not inflater.eof or inflater.unused_data:
        problem = "goes on after" if inflater.eof else "ends before"
        raise ValueError(f"{problem} the end of its gzip stream")
    return content


def _candidates(name: str, filename: str, data_dir: Path) -> Iterator[Path]:
    """Every path at which there is something that may be the file, the likeliest first."""
    stem = filename.removesuffix(".gz")
    dotted = stem.replace("-idx", ".idx")
    # Some unpack each file into a folder of its name.
    names = (filename, stem, f"{dotted}.gz", dotted, f"{stem}/{stem}", f"{stem}/{dotted}")
    bases = (data_dir / name, data_dir)
    folders = [base / kept for base, kept in product(bases, ("", *DATASETS[name].kept_in, "raw"))]
    archives = dict.fromkeys(f"{each}.npz" for each in (name, name.replace("-", "_")))
    for path in (
        *(folder / each for folder, each in product(folders, names)),
        *(base / each for base, each in product(bases, archives)),
    ):
        if path.exists() and not path.is_dir():
            yield path


def _most() -> int:
    """Bytes that a file of any dataset may have, all its arrays in one archive included."""
    totals = (
        sum(max(file.size, file.unzipped_size) for file in record.files.values())
        for record in DATASETS.values()
    )
    return max(totals) + SPARE


def _unpack(raw: bytes, place: int) -> bytes:
    """The IDX file that these bytes are, zip, or hold as the array in this place.

    Raises:
        ValueError: they do none of that; the message says why.
    """
    most = max(file.unzipped_size for record in DATASETS.values() for file in record.files.values())
    if not raw.startswith(b"PK"):
        return unzip(raw, most)
    try:
        return _read_archive(raw, ARRAYS[place], most + LARGEST_NPY_HEADER)
    except (KeyError, zipfile.BadZipFile, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"its {ARRAYS[place]} cannot be read ({error})") from None
    # NumPy tells of damaged headers in several ways.
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError) as error:
        raise ValueError(f"its {ARRAYS[place]} cannot be used ({error})") from None


def _read_archive(raw: bytes, array: str, most: int) -> bytes:
    """An array of NumPy's archive as an IDX file; nothing is unpickled or allocated by a header.

    Labels may be numbers of any type, as long as they are whole.
    """
    # Only now, because NumPy reads the number of threads when it is imported.
    import numpy as np
    from numpy.lib import format as npy

    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        entry = archive.getinfo(f"{array}.npy")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("compressed in another way than NumPy does")
        if entry.file_size > most:
            raise ValueError(f"{entry.file_size:,} bytes")
        with archive.open(entry) as member:
            file = io.BytesIO(member.read(most))
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version}")
    shape, fortran_order, dtype = readers[version](file)
    content = file.read()
    if len(shape) == 1 and dtype.kind in "iuf":
        labels = np.frombuffer(content, dtype)
        if not np.isin(labels, np.arange(10)).all():
            raise ValueError(f"{dtype} other than the labels 0 to 9")
        content = labels.astype(np.uint8).tobytes()
    elif dtype != np.uint8 or fortran_order:
        raise ValueError(f"{dtype}{' by columns' if fortran_order else ''} instead of uint8")
    sizes = b"".join(side.to_bytes(4, "big") for side in shape)
    return bytes((0, 0, 8, len(shape))) + sizes + content
