"""Which images a validation accuracy counts: whole batches, as the log of AWS's algorithm shows.

AWS's logs of 200 validation images and batches of 32 report 161/192 and 153/224: an epoch counts whole batches, and
what is left over comes first in the next epoch (MXNet's ``roll_over``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt


def counted_images(images: int, batch: int) -> Iterator[npt.NDArray[np.int64]]:
    """Give, epoch by epoch, the images that count, by their number.

    Args:
        images: how many validation images there are.
        batch: images of a batch; where there are fewer than one batch, all of them count.
    """
    everything = np.arange(images)
    waiting = everything[:0]
    while True:
        if images < batch:
            yield everything
            continue
        there = np.concatenate([waiting, everything])
        whole = len(there) // batch * batch
        yield there[:whole]
        waiting = there[whole:]


def over_all(epoch: int, images: int, accuracy: float) -> str:
    """Return the line that tells the accuracy over all images, which AWS's log lacks.

    Args:
        epoch: counted from 0.
        images: how many were validated.
        accuracy: share that was right, 0 to 1.
    """
    return f"Epoch[{epoch}] Accuracy over all {images} validation images (AWS's log has none): {accuracy:f}"
