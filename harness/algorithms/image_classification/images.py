"""Encoded images to pixels, the same way for training and for serving."""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from harness.algorithms.image_classification.errors import CustomerError

Pixels = npt.NDArray[np.uint8]

MAX_PIXELS = 64 * 1024 * 1024
"""Largest image that is decoded, in pixels: a compressed file can claim far more than its bytes suggest."""


def decode_image(data: bytes, channels: int, what: str = "the image") -> Image.Image:
    """Decode a PNG or JPEG as RGB or grey.

    Args:
        data: the whole file.
        channels: 3 for RGB; any other number for one channel of grey.
        what: how a message names the image, e.g. its path in the channel.

    Raises:
        CustomerError: naming *what* cannot be decoded.
    """
    try:
        with warnings.catch_warnings():
            # Pillow's own limit is a warning first; ours is checked before any pixel is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        if image.width * image.height > MAX_PIXELS:
            raise CustomerError(f"{what} has {image.width}x{image.height} pixels; at most {MAX_PIXELS} are decoded.")
        return image.convert("RGB" if channels == 3 else "L")
    except CustomerError:
        raise
    except UnidentifiedImageError:
        raise CustomerError(f"{what} is neither PNG nor JPEG.") from None
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise CustomerError(f"{what} cannot be decoded: {error}") from None


def pixels(image: Image.Image) -> Pixels:
    """Height x width x channels, 0 to 255."""
    array = np.asarray(image)
    return array if array.ndim == 3 else array[:, :, None]


def resize_to(image: Image.Image, height: int, width: int) -> Image.Image:
    """Resize as serving does: to the network's input shape, whatever the image's own aspect.

    Args:
        image: of any size; returned as it is where it has this one.
        height: in pixels.
        width: in pixels.
    """
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR)


def resize_shorter(image: Image.Image, side: int) -> Image.Image:
    """Training's ``resize``: the shorter side becomes *side* pixels, the aspect stays."""
    width, height = image.size
    if min(width, height) == side:
        return image
    scale = side / min(width, height)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR)
