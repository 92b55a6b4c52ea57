"""One pass over captures, for all that the monitor shows of them, in bounded memory."""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.capture.batches import Batch, Details, read_batches
from harness.capture.places import Place
from harness.capture.records import Skipped
from harness.capture.selection import Selection
from harness.reporting.images import digest_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.monitor.labels import LabelledImages

SAMPLE = 2000
"""Distinct captured images of which brightness, contrast and embedding are measured: drawn at random where there are
more."""


@dataclass(frozen=True)
class Unsure:
    """A prediction among the least confident."""

    confidence: float
    predicted: int
    time: datetime
    event_id: str
    label: int | None
    content: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Observation:
    """What was read."""

    frame: pd.DataFrame = field(repr=False)
    """A line a record, in order of time: ``time``, ``variant``, ``predicted``, ``confidence``, ``passed``, ``label``
    (true class; missing where it is not known), ``trained`` (whether the image is of the training set), ``image``
    (the same number for the same image; missing where there is none), ``source``, ``line``."""
    skipped: list[Skipped]
    unsure: list[Unsure]
    """Least confident first, each image once."""
    sample: list[bytes] = field(repr=False)
    """Distinct captured images, all of them or as many drawn at random."""
    images: int
    """Distinct images that the sample was drawn from: tests and intervals take images to be independent, which an image
    that was sent again is not."""

    def times_of(self, item: Unsure) -> int:
        """How many records are of an image."""
        if item.content is None:
            return 1
        return int((self.frame["image"] == image_number(digest_of(item.content))).sum())


def image_number(digest: bytes) -> int:
    """Return the number of an image in a frame."""
    return int.from_bytes(digest[:7], "big")


def observe(
    place: Place,
    selection: Selection,
    *,
    threshold: float,
    labels: LabelledImages | None = None,
    train: LabelledImages | None = None,
    unsure: int = 24,
    seed: int = 0,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Observation:
    """Read what is wanted of a place, once.

    Args:
        place: where the captures lie.
        selection: which records.
        threshold: confidence to exceed.
        labels: images whose classes are known.
        train: images that the model was trained on.
        unsure: how many of the least confident to keep, with their images.
        seed: of the sample.
        progress: as of :func:`harness.capture.batches.read_batches`.
    """
    import pandas as pd

    frames: list[pd.DataFrame] = []
    skipped: list[Skipped] = []
    least: list[tuple[float, int, Unsure]] = []
    shown: set[bytes] = set()
    sample: dict[int, bytes] = {}
    drawn: list[int] = []
    number_read = 0
    for batch in read_batches(place, selection, Details(image=True), progress=progress):
        skipped += batch.skipped
        if not len(batch):
            continue
        known: list[int | None] = []
        trained: list[bool] = []
        pictured: list[int | None] = []
        for number in range(len(batch)):
            number_read += 1
            confidence = float(batch.confidence[number])
            content = _content(batch, number)
            digest = digest_of(content) if content is not None else None
            if digest is not None and content is not None:
                _draw(sample, drawn, _priority(digest, seed), content)
            label = None if labels is None else labels.label_of(digest, batch.inference_id[number])
            known.append(label)
            trained.append(train is not None and digest in train.digests)
            pictured.append(None if digest is None else image_number(digest))
            is_new = digest is None or digest not in shown
            if confidence == confidence and is_new and _is_among(confidence, least, unsure):
                entry = Unsure(
                    confidence,
                    int(batch.predicted[number]),
                    batch.time[number].astype("datetime64[ms]").item(),
                    batch.event_id[number],
                    label,
                    content,
                )
                # The place in the order of reading settles a tie.
                heapq.heappush(least, (-confidence, -number_read, entry))
                if digest is not None:
                    shown.add(digest)
                if len(least) > unsure:
                    _, _, gone = heapq.heappop(least)
                    shown.discard(digest_of(gone.content) if gone.content is not None else b"")
        frames.append(_frame(batch, threshold, known, trained, pictured))
    frame = pd.concat(frames, ignore_index=True) if frames else _frame(_nothing(), threshold, [], [], [])
    return Observation(
        frame=frame.sort_values(["time", "source", "line"], kind="stable", ignore_index=True),
        skipped=skipped,
        unsure=[entry for _, _, entry in sorted(least, key=lambda item: (-item[0], -item[1]))],
        sample=[sample[priority] for priority in sorted(sample)],
        images=int(frame["image"].nunique()),
    )


def _priority(digest: bytes, seed: int) -> int:
    """By which an image is drawn, the lowest first: the same for the same image, and otherwise at random."""
    return int.from_bytes(hashlib.blake2b(digest, digest_size=8, key=str(seed).encode()).digest(), "big")


def _draw(sample: dict[int, bytes], drawn: list[int], priority: int, content: bytes) -> None:
    """Keep *content* if it is among those drawn so far, the last of which stands first in *drawn*."""
    if priority in sample or (len(drawn) >= SAMPLE and priority > -drawn[0]):
        return
    sample[priority] = content
    heapq.heappush(drawn, -priority)
    if len(drawn) > SAMPLE:
        del sample[-heapq.heappop(drawn)]


def _is_among(confidence: float, least: list[tuple[float, int, Unsure]], most: int) -> bool:
    """Whether a prediction is one of the *most* least confident so far, of which the surest stands first in *least*."""
    return len(least) < most or bool(least and confidence < -least[0][0])


def _frame(
    batch: Batch, threshold: float, known: list[int | None], trained: list[bool], pictured: list[int | None]
) -> Any:
    import pandas as pd

    # Without the images from the start: a frame that some columns are taken of may keep the others alive.
    kept = replace(batch, image=None, probabilities=None).to_frame(threshold)[
        ["time", "variant", "predicted", "confidence", "passed", "source", "line"]
    ]
    return kept.assign(
        label=pd.array(known, dtype="Int64"),
        trained=np.array(trained, dtype=bool),
        image=pd.array(pictured, dtype="Int64"),
    )


def _nothing() -> Batch:
    none = np.array([], dtype=np.int64)
    return Batch("", None, none, none.astype("datetime64[us]"), [], [], [], none.astype(np.int32), none.astype(float))


def _content(batch: Batch, number: int) -> bytes | None:
    """Return the input's bytes; None where it was not captured, or is not base64 though it says so."""
    assert batch.image is not None and batch.encoding is not None
    data = batch.image[number]
    if data is None:
        return None
    if batch.encoding[number] != "BASE64":
        return data.encode()
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        return None
