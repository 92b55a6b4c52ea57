"""Samples as batches of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from harness.algorithms.image_classification.errors import CustomerError
from harness.algorithms.image_classification.images import Pixels, decode_image, pixels, resize_shorter
from harness.algorithms.image_classification.samples import Sample

MEMORY_LIMIT = 2 * 1024**3
"""Decoded images that are kept in memory, in bytes; beyond it images are decoded again in each epoch."""

Crop = Callable[[Pixels, int, int], Pixels]
"""From an image, a height and a width to an image of that size."""


class ImageDataset:
    """Labelled images of one channel, decoded as they are asked for."""

    def __init__(
        self, samples: Sequence[Sample], shape: tuple[int, int, int], num_classes: int, resize: int | None = None
    ) -> None:
        """Keep the samples; images are decoded as they are asked for.

        Args:
            samples: the channel's images.
            shape: channels, height and width of the network's input.
            num_classes: width of :attr:`targets`.
            resize: pixels that each image's shorter side is brought to; ``None`` leaves sizes as they are.
        """
        self._samples = samples
        self._shape = shape
        self._resize = resize
        self._decoded: dict[int, Pixels] = {}
        self._kept = 0
        self.targets: npt.NDArray[np.float32] = np.zeros((len(samples), num_classes), np.float32)
        for index, sample in enumerate(samples):
            self.targets[index, list(sample.labels)] = 1

    def __len__(self) -> int:
        return len(self._samples)

    def image(self, index: int) -> Pixels:
        """Image *index*, height x width x channels, resized but not cropped.

        Raises:
            CustomerError: it cannot be decoded, or is smaller than the network's input.
        """
        kept = self._decoded.get(index)
        if kept is not None:
            return kept
        sample = self._samples[index]
        image = decode_image(sample.encoded(), self._shape[0], sample.name)
        if self._resize:
            image = resize_shorter(image, self._resize)
        _, height, width = self._shape
        if image.height < height or image.width < width:
            raise CustomerError(
                f"input image size smaller than input shape: {sample.name} is {image.width}x{image.height} pixels and "
                f"image_shape asks for {width}x{height}. The hyperparameter resize enlarges images."
            )
        decoded = pixels(image)
        if self._kept + decoded.nbytes <= MEMORY_LIMIT:
            self._decoded[index] = decoded
            self._kept += decoded.nbytes
        return decoded

    def batch(self, indices: Sequence[int] | npt.NDArray[np.int64], crop: Crop) -> Pixels:
        """Images *indices*, each through *crop*: batch x channels x height x width, 0 to 255."""
        channels, height, width = self._shape
        batch = np.empty((len(indices), height, width, channels), np.uint8)
        for place, index in enumerate(indices):
            batch[place] = crop(self.image(int(index)), height, width)
        return batch.transpose(0, 3, 1, 2)


def centre_crop(image: Pixels, height: int, width: int) -> Pixels:
    """Return the middle of *image*: what AWS's algorithm validates on, and trains on without augmentation.

    Args:
        image: pixels of shape (rows, columns, channels), at least *height* x *width*.
        height: rows to keep.
        width: columns to keep.

    Returns:
        a view of shape (height, width, channels); nothing is copied.
    """
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
