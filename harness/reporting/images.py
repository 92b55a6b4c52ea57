"""What is measured of an image: brightness, contrast, a small embedding; and what identifies it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

SIDE = 8
"""Pixels to a side of the thumbnail that is an image's embedding."""
MAX_PIXELS = 50_000_000


@dataclass(frozen=True)
class Features:
    """Measures of some images; those that are no images are counted and left out."""

    brightness: NDArray[np.float64]
    """Mean of the luma (ITU-R BT.601) of all pixels, 0 to 255."""
    contrast: NDArray[np.float64]
    """Standard deviation of it, 0 to 127.5 (RMS contrast)."""
    embedding: NDArray[np.float64]
    """The image as a thumbnail of 8 x 8 pixels in RGB, each 0 to 1: shape (images, 192)."""
    unreadable: int = 0

    def __len__(self) -> int:
        return len(self.brightness)


def features_of(contents: Iterable[bytes]) -> Features:
    """Measure images, given as the bytes of their files."""
    brightness, contrast, embedding = [], [], []
    unreadable = 0
    for content in contents:
        image = read_image(content)
        if image is None:
            unreadable += 1
            continue
        luma = np.asarray(image.convert("L"), dtype=np.float64)
        brightness.append(luma.mean())
        contrast.append(luma.std())
        from PIL import Image

        small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        embedding.append(np.asarray(small, dtype=np.float64).ravel() / 255)
    return Features(
        np.array(brightness),
        np.array(contrast),
        np.array(embedding).reshape(len(embedding), SIDE * SIDE * 3),
        unreadable,
    )


def read_image(content: bytes) -> Image | None:
    """Read an image in RGB; None where the bytes are none that can be read."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(content))
        if image.width * image.height > MAX_PIXELS:
            return None
        return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def digest_of(content: bytes) -> bytes:
    """Return what identifies an image: the SHA-256 of its file's bytes."""
    return hashlib.sha256(content).digest()
