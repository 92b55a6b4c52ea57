"""AWS's ``augmentation_type``: random variations of training images, in the ranges that AWS documents.

https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from harness.algorithms.image_classification.dataset import Crop, centre_crop
from harness.algorithms.image_classification.images import Pixels, pixels

HUE, SATURATION, LIGHTNESS = 36, 50, 50
"""Largest shift of each channel, on OpenCV's scale: hue 0 to 180, the others 0 to 255."""
MAX_ROTATION = math.radians(10)
MAX_SHEAR = 0.1
MAX_ASPECT = 0.25
_FILL = 255

_Floats = npt.NDArray[np.floating[Any]]


def augmentation(kind: str | None, random: np.random.Generator) -> Crop:
    """Return the crop that *kind* (``crop``, ``crop_color``, ``crop_color_transform`` or ``None``) stands for."""
    if kind is None:
        return centre_crop

    def vary(image: Pixels, height: int, width: int) -> Pixels:
        if kind == "crop_color_transform":
            image = _transform(image, random)
        top = random.integers(image.shape[0] - height + 1)
        left = random.integers(image.shape[1] - width + 1)
        image = image[top : top + height, left : left + width]
        if kind != "crop" and image.shape[2] == 3:
            image = _shift_colours(image, random)
        return image[:, ::-1] if random.random() < 0.5 else image

    return vary


def _transform(image: Pixels, random: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    angle = random.uniform(-MAX_ROTATION, MAX_ROTATION)
    shear = random.uniform(-MAX_SHEAR, MAX_SHEAR)
    aspect = 1 + random.uniform(-MAX_ASPECT, MAX_ASPECT)
    cos, sin, root = math.cos(angle), math.sin(angle), math.sqrt(aspect)
    # From a pixel of the result back to the pixel of the image that it shows, about the middle.
    a, b = cos / root, (sin + shear * cos) * root
    c, d = -sin / root, (cos - shear * sin) * root
    x, y = width / 2, height / 2
    matrix = (a, b, x - a * x - b * y, c, d, y - c * x - d * y)
    shown = Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0])
    fill: int | tuple[int, ...] = _FILL if image.shape[2] == 1 else (_FILL,) * 3
    turned = shown.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=fill)
    return pixels(turned)


def _shift_colours(image: Pixels, random: np.random.Generator) -> Pixels:
    hue, saturation, lightness = _to_hsl(image.astype(np.float32) / 255)
    hue = (hue + random.uniform(-HUE, HUE) / 180) % 1
    saturation = np.clip(saturation + random.uniform(-SATURATION, SATURATION) / 255, 0, 1)
    lightness = np.clip(lightness + random.uniform(-LIGHTNESS, LIGHTNESS) / 255, 0, 1)
    shifted: Pixels = np.rint(_to_rgb(hue, saturation, lightness) * 255).astype(np.uint8)
    return shifted


def _to_hsl(rgb: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    high, low = rgb.max(2), rgb.min(2)
    spread, lightness = high - low, (high + low) / 2
    safe = np.where(spread == 0, 1, spread)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    sixth = np.select(
        [high == red, high == green], [(green - blue) / safe % 6, (blue - red) / safe + 2], (red - green) / safe + 4
    )
    saturation = spread / np.maximum(1 - np.abs(2 * lightness - 1), 1e-6)
    return np.where(spread == 0, 0, sixth / 6), np.clip(saturation, 0, 1), lightness


def _to_rgb(hue: _Floats, saturation: _Floats, lightness: _Floats) -> _Floats:
    chroma = saturation * np.minimum(lightness, 1 - lightness)
    place = (np.array([0, 8, 4], np.float32) + hue[..., None] * 12) % 12
    rgb: _Floats = lightness[..., None] - chroma[..., None] * np.clip(np.minimum(place - 3, 9 - place), -1, 1)
    return rgb
