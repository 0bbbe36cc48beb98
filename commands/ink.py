"""Finding on a picture what was drawn; frames, lines, shadows and specks are left out."""

import numpy as np
from scipy import ndimage

from shared.dataset_records import Style

# Contrast, a fraction of that between black and white, below which there is nothing on a picture.
LEAST_CONTRAST = 0.08

# Fraction of the border that a clean picture's ink may touch.
TOUCHED = 0.02

# Fractions of the longer side: no stroke is so thick, and no line of a frame or of paper.
STROKE, LINE = 0.3, 0.04

# Fraction of the picture that a line has to cross; and that a sheet has to cover, and its solidity.
CROSSED, COVERED, SOLID = 0.7, 0.5, 0.7

# Parts of one shape are at most so far apart, as a fraction of its largest part.
APART = 0.2


def find_shape(picture: np.ndarray, style: Style) -> tuple[np.ndarray, list[str]]:
    """The ink of what is drawn on a picture, and in words what was left out for it.

    Args:
        picture: [height, width] or [height, width, 3], from 0 to 1.
        style: of the images that it is prepared like.

    Returns:
        [height, width] from 0 to 1 of the picture or a part of it.
    """
    doubts = []
    ink = find_ink(picture)
    if style.strokes:
        if touched(ink) <= TOUCHED and (sheet := find_sheet(ink)):
            inner = find_ink(picture[sheet])
            if inner.max(initial=0) >= LEAST_CONTRAST:
                picture, ink = picture[sheet], inner
                doubts.append("a sheet of paper in front of something; used the sheet only")
        ink, lined = without_lines(ink)
        if touched(ink) > TOUCHED:
            local, also_lined = without_lines(find_local_ink(picture))
            if local.max() >= LEAST_CONTRAST and touched(local) < touched(ink) / 2:
                ink, lined = local, also_lined
                doubts.append("uneven light; compared each pixel with its surroundings")
        if lined:
            doubts.append("lines across the image; ignored them")
    ink, several = largest_shape(ink, style.faintest)
    if several:
        doubts.append("several shapes found; used the largest")
    return ink, doubts


def find_ink(picture: np.ndarray) -> np.ndarray:
    """How much each pixel differs from the background, which is what most of the border shows.

    Args:
        picture: [height, width] or [height, width, 3], from 0 to 1.

    Returns:
        [height, width] from 0 to 1: the strongest difference of any colour channel.
    """
    height, width = picture.shape[:2]
    channels = picture.reshape(height, width, -1)
    edges = (channels[0], channels[-1], channels[:, 0], channels[:, -1])
    border = np.concatenate(edges)
    top, bottom, left, right = (np.median(edge, axis=0) for edge in edges)
    slopes = np.array([bottom - top, right - left])
    # Uneven light makes opposite edges a little different, something that covers an edge much.
    slopes[np.abs(slopes) > np.ptp(channels, axis=(0, 1)) / 2] = 0
    down, across = np.linspace(-0.5, 0.5, height), np.linspace(-0.5, 0.5, width)
    light = down[:, None, None] * slopes[0] + across[:, None] * slopes[1]
    difference = channels - (np.median(border, axis=0) + light)
    # To the other side lies no ink but the halo of a sharpened or strongly compressed picture.
    difference *= np.where(difference.mean(axis=(0, 1)) < 0, -1, 1)
    # Grain of paper, noise of a camera: six times what neighbours differ by. None if it is clean.
    noise = 6 * np.median(np.abs(np.diff(border, axis=0)), axis=0)
    return np.clip(difference - noise, 0, 1).max(axis=2)


def touched(ink: np.ndarray) -> float:
    """The fraction of the border that has ink."""
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    return float(np.mean(border >= LEAST_CONTRAST))


def find_sheet(ink: np.ndarray) -> tuple[slice, slice] | None:
    """The inside of something that stands out from the border, too large and solid for strokes."""
    labels, _ = ndimage.label(ink >= ink.max(initial=0) / 2)
    sizes = np.bincount(labels.ravel())[1:]
    if ink.max(initial=0) < LEAST_CONTRAST or not len(sizes):
        return None
    rows, columns = ndimage.find_objects(labels)[sizes.argmax()]
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if height * width < COVERED * ink.size or sizes.max() < SOLID * height * width:
        return None
    # Its edge is blurred.
    edge = 1 + max(ink.shape) // 100
    return slice(rows.start + edge, rows.stop - edge), slice(
        columns.start + edge, columns.stop - edge
    )


def find_local_ink(picture: np.ndarray) -> np.ndarray:
    """How much each pixel differs from its surroundings, to which a stroke is too thin to count."""
    grey = picture.mean(axis=2) if picture.ndim == 3 else picture
    smooth = ndimage.median_filter(grey, 3)
    window = max(3, round(STROKE * max(grey.shape)))
    if is_dark(smooth):
        light = ndimage.grey_closing(smooth, window)
        # What shadow does to paper, it does to ink.
        difference = (light - smooth) / np.maximum(light, 0.05)
    else:
        difference = smooth - ndimage.grey_opening(smooth, window)
    noise = 6 * float(np.median(np.abs(np.diff(smooth, axis=0))))
    return np.clip(difference - noise, 0, 1)


def is_dark(grey: np.ndarray) -> bool:
    """Whether what is drawn is darker than what surrounds it, whatever the light."""
    step = max(1, max(grey.shape) // 70)
    small = grey[::step, ::step]
    # Strokes are the lesser part of any place, and along a shadow's edge both sides are even.
    surroundings = ndimage.median_filter(small, max(3, round(STROKE * max(small.shape))))
    return float((small - surroundings).sum()) < 0


def without_lines(ink: np.ndarray) -> tuple[np.ndarray, bool]:
    """The ink less thin straight lines across the picture, and whether there are several."""
    found = np.zeros_like(ink)
    for axis in (0, 1):
        length = max(3, round(CROSSED * ink.shape[axis]))
        thick = max(2, round(LINE * max(ink.shape)))
        across = 1 - axis
        # Grain would break a line.
        line = ndimage.uniform_filter1d(ink, max(1, length // 10), axis)
        line = ndimage.minimum_filter1d(line, length, axis)
        line = ndimage.maximum_filter1d(line, length, axis)
        wide = ndimage.minimum_filter1d(line, thick, across)
        line = line - ndimage.maximum_filter1d(wide, thick, across)
        _, number = ndimage.label(line.max(axis=axis) >= LEAST_CONTRAST / 2)
        if number > 1:
            found = np.maximum(found, ndimage.maximum_filter1d(line, 3, across))
    cleaned = np.clip(ink - 1.3 * found, 0, 1)
    # All of it may be lines, as a 1 and an 11 are.
    lined = bool(found.any()) and cleaned.max() >= ink.max() / 3
    return (cleaned, True) if lined else (ink, False)


def largest_shape(ink: np.ndarray, faintest: float) -> tuple[np.ndarray, bool]:
    """The ink of the largest shape, its parts close by included, and whether there are others."""
    drawn = ink >= max(faintest * ink.max(initial=0), LEAST_CONTRAST / 2)
    labels, number = ndimage.label(drawn, np.ones((3, 3)))
    if number < 2:
        return ink, False
    largest = ndimage.find_objects(labels)[int(np.bincount(labels.ravel())[1:].argmax())]
    reach = APART / 2 * max(each.stop - each.start for each in largest)
    groups, number = ndimage.label(ndimage.distance_transform_edt(~drawn) <= max(1.0, reach))
    if number < 2:
        return ink, False
    masses = np.bincount(groups.ravel(), np.where(drawn, ink, 0).ravel())[1:]
    edges = np.concatenate([groups[0], groups[-1], groups[:, 0], groups[:, -1]])
    inside = np.setdiff1d(np.arange(1, number + 1), edges)
    # What the border cuts off is less likely meant.
    if len(inside) and masses[inside - 1].max() >= masses.max() / 5:
        chosen = inside[masses[inside - 1].argmax()]
    else:
        chosen = masses.argmax() + 1
    return np.where(groups == chosen, ink, 0), True
