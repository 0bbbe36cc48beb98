"""Pictures of one's own, made into what a network was trained on: 28x28 pixels, light on dark."""

import math
import mmap
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from commands.ink import LEAST_CONTRAST, find_shape
from shared.dataset_records import DATASETS, SIDE, Style
from shared.datasets import enlarge
from shared.errors import UsageError
from shared.inputs import open_regular

# Larger pictures are first made about this small; the network sees 28 pixels of them.
LARGEST_SIDE = 1000

# Bytes of a file, and of the memory that its pixels may take.
LARGEST_PICTURE = 2**28
MOST_BYTES = 450_000_000

# In so many ways Pillow tells of damage, beside OSError.
DAMAGE = (SyntaxError, LookupError, TypeError, ValueError, EOFError, struct.error)

# By what EXIF calls orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(path: Path) -> Image.Image:
    """A PNG or JPEG, upright and without transparency, as RGB or (16-bit grey) as floats 0 to 255.

    Raises:
        UsageError: it can't be read, or has more pixels than is safe to unpack.
    """
    most = Image.MAX_IMAGE_PIXELS or 0
    try:
        with warnings.catch_warnings(), open_regular(path, LARGEST_PICTURE) as file:
            # What Pillow warns of, most of it in what is beside the pixels, does not matter here.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Of a file, Pillow would ask for as many bytes at once as its chunks say they have.
            content: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            with content, Image.open(content, formats=("PNG", "JPEG")) as picture:
                most = min(MOST_BYTES // _bytes_per_pixel(picture), most)
                if math.prod(picture.size) > most:
                    raise Image.DecompressionBombError
                # Unpacks it here, where what is wrong with the file can be said of it.
                small = _shrink(picture)
                turn = _turn(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UsageError(
            f"{path} has more than {most / 1e6:.0f} million pixels, which is not safe to unpack: "
            "make it smaller first."
        ) from None
    # Pillow tells of damage in several ways.
    except (
        OSError,
        SyntaxError,
        LookupError,
        TypeError,
        ValueError,
        EOFError,
        struct.error,
    ) as damage:
        reason = getattr(damage, "strerror", None) or "it is damaged or of another kind"
        raise UsageError(
            f"{path} cannot be read as an image ({reason}): expected a PNG or JPEG file."
        ) from None
    return _flatten(small if turn is None else small.transpose(turn))


@dataclass(frozen=True)
class Prepared:
    """What a network sees of a picture, and how sure it is that this is what was meant."""

    pixels: np.ndarray
    """[28, 28] uint8, light on dark."""
    doubts: tuple[str, ...]
    """What was left out or taken for granted, in words; none if all was clear."""


def prepare_with_doubts(
    picture: Image.Image, dataset: str, name: str | Path = "the picture"
) -> Prepared:
    """Prepare a picture as the images of a dataset were.

    Args:
        picture: as `read_picture` gives it.
        dataset: a key of DATASETS.
        name: of the picture, for the complaint about it.

    Raises:
        UsageError: there is nothing on it.
    """
    style = DATASETS[dataset].style
    ink, doubts = find_shape(np.asarray(picture, np.float32) / 255, style)
    if ink.max(initial=0) < LEAST_CONTRAST:
        raise UsageError(
            f"{name} is blank: expected something on it that is darker or lighter than its border."
        )
    return Prepared(to_pixels(ink, style), tuple(doubts))


def prepare(picture: Image.Image, dataset: str, name: str | Path = "the picture") -> np.ndarray:
    """The pixels alone of what `prepare_with_doubts` gives."""
    return prepare_with_doubts(picture, dataset, name).pixels


def to_pixels(ink: np.ndarray, style: Style) -> np.ndarray:
    """Ink [height, width], some of it above 0 -> [28, 28] uint8, light on dark."""
    small = fit(ink / ink.max(), style.box, style.faintest)
    pixels = place(small, style.canvas, style.by_mass)
    pixels = np.rint(255 * pixels / pixels.max()).astype(np.uint8)
    if style.canvas < SIDE:
        return enlarge(pixels[np.newaxis] / 255)[0]
    return pixels


def fit(ink: np.ndarray, side: int, faintest: float) -> np.ndarray:
    """Cut to the bounding box and scale, smoothed, until the longer side is `side` pixels."""
    rows, columns = (np.flatnonzero((ink >= faintest).any(axis=axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = side / max(cut.shape)
    height, width = (max(1, round(scale * length)) for length in cut.shape)
    # A small picture would be all squares.
    smoothing = Image.Resampling.BOX if scale <= 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(cut).resize((width, height), smoothing))


def place(small: np.ndarray, side: int, by_mass: bool) -> np.ndarray:
    """Put it on an empty square, its centre of mass or its bounding box in the middle."""
    corners = []
    for axis, length in enumerate(small.shape):
        middle = length / 2
        if by_mass:
            middle = np.average(np.arange(length), weights=small.sum(axis=1 - axis))
        # Not beyond the edge, which only a mass that lies far off the middle would come to.
        corners.append(min(max(0, math.floor(side / 2 - middle + 0.5)), side - length))
    square = np.zeros((side, side), np.float32)
    top, left = corners
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def _bytes_per_pixel(picture: Image.Image) -> int:
    """At most so many bytes a pixel takes while a picture is unpacked and shrunk."""
    return 12 if picture.has_transparency_data or "progressive" in picture.info else 6


def _shrink(picture: Image.Image) -> Image.Image:
    """The picture with at most LARGEST_SIDE pixels a side, each the mean of those it stands for.

    In RGB, in RGBA if something is transparent, or in integers if it has 16 bits.
    """
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    mode = "I" if picture.mode.startswith("I") else mode
    # Converting copies, even to the same mode.
    plain = picture if picture.mode == mode else picture.convert(mode)
    factor = math.ceil(max(picture.size) / LARGEST_SIDE)
    return plain.reduce(factor) if factor > 1 else plain.copy()


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """What sets a picture upright, as its camera says; None if it says nothing that is clear."""
    try:
        return TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - Pillow trusts these bytes, which may raise anything.
        return None


def _flatten(picture: Image.Image) -> Image.Image:
    """The picture in RGB, or in floats if it has 16 bits, on a ground that it stands out from."""
    if picture.mode == "I":
        numbers = np.asarray(picture, np.float32)
        # Many cameras and scanners use 12 of the bits; what differs by far less is grain.
        extent = max(float(np.ptp(numbers)), 1023.0)
        return Image.fromarray((numbers - numbers.min()) * np.float32(255 / extent))
    if picture.mode == "RGB":
        return picture
    grey, opaque = (
        np.asarray(each, np.float32) for each in (picture.convert("L"), picture.getchannel("A"))
    )
    dark = np.average(grey, weights=opaque + 1e-6) < 128
    ground = Image.new("RGBA", picture.size, "white" if dark else "black")
    return Image.alpha_composite(ground, picture).convert("RGB")
