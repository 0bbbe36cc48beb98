"""Telling the colours of the frameworks from all others."""

import io

import numpy as np
from PIL import Image

# Hues of OKLCH in degrees, and the chroma from which a colour is more than a grey.
BLUES, ORANGES, LEAST_CHROMA = (215, 275), (30, 87), 0.05


def lch(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lightness, chroma and hue of colours [..., 3] from 0 to 1, as CSS's oklch() counts them:
    Björn Ottosson, "A perceptual color space for image processing" (2020)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    lab = np.cbrt(linear @ np.transpose(to_lms)) @ np.transpose(to_lab)
    lightness, a, b = np.moveaxis(lab, -1, 0)
    return lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def is_a_frameworks(rgb: np.ndarray) -> np.ndarray:
    """Which colours [..., 3] are blue or orange."""
    _, chroma, hue = lch(rgb)
    between = [(low <= hue) & (hue <= high) for low, high in (BLUES, ORANGES)]
    return (chroma > LEAST_CHROMA) & np.any(between, axis=0)


def pixels(picture: bytes) -> np.ndarray:
    """The colours of a picture, each once: [n, 3]."""
    content = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(np.uint32)
    # As whole numbers, which are sorted much faster than rows.
    found = np.unique(content @ np.array([1 << 16, 1 << 8, 1], np.uint32))
    return np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1) / 255
