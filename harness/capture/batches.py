"""Captures of any size: read a batch at a time, each a few thousand records in columns, in bounded memory."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from harness.capture.decoding import count_lines, decode_lines, read_blocks
from harness.capture.places import CaptureFile, FolderPlace, Place
from harness.capture.records import Payload, Skipped, probabilities_of
from harness.capture.selection import Selection

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

TOGETHER = 16 << 20
"""Bytes of files that a process is given at a time."""
_WORTHWHILE = 512 << 20
_THREADS = 8
_NO_CLASS = -1

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Details:
    """Columns that cost memory or time, and so are read only when asked for."""

    probabilities: bool = False
    image: bool = False
    """The input, as it is in the record, and its encoding."""


@dataclass(frozen=True)
class Batch:
    """Some records of one file, in columns of one length."""

    source: str
    variant: str | None
    line: NDArray[np.int64]
    time: NDArray[np.datetime64]
    """Times of inference, UTC, in microseconds."""
    event_id: list[str]
    inference_id: list[str | None]
    content_type: list[str | None]
    predicted: NDArray[np.int32]
    """Numbers of the likeliest class; -1 where the output is no probabilities."""
    confidence: NDArray[np.float64]
    """Probabilities of it; NaN where there are none."""
    probabilities: list[list[float] | None] | None = None
    image: list[str | None] | None = None
    encoding: list[str | None] | None = None
    skipped: list[Skipped] = field(default_factory=list)
    lines: int = 0
    """Lines that were read for it."""
    size: int = 0
    """Bytes that were read for it, decompressed."""

    def __len__(self) -> int:
        return len(self.line)

    def keep(self, chosen: NDArray[np.bool_]) -> Batch:
        """Return the records for which *chosen* is true."""
        if chosen.all():
            return self
        where = np.flatnonzero(chosen).tolist()

        def some(column: list[Any] | None) -> Any:
            return None if column is None else [column[number] for number in where]

        return replace(
            self,
            line=self.line[chosen],
            time=self.time[chosen],
            event_id=some(self.event_id),
            inference_id=some(self.inference_id),
            content_type=some(self.content_type),
            predicted=self.predicted[chosen],
            confidence=self.confidence[chosen],
            probabilities=some(self.probabilities),
            image=some(self.image),
            encoding=some(self.encoding),
        )

    def to_frame(self, threshold: float) -> pd.DataFrame:
        """Return a line a record, with the columns of :func:`harness.capture.records.to_frame` and ``variant``.

        What was not read is None in every line.
        """
        import pandas as pd

        nothing = [None] * len(self)
        frame = pd.DataFrame(
            {
                "time": pd.to_datetime(self.time, utc=True),
                "event_id": self.event_id,
                "inference_id": pd.Series(self.inference_id, dtype=object),
                "content_type": pd.Series(self.content_type, dtype=object),
                "predicted": pd.array(self.predicted, dtype="Int64"),
                "confidence": self.confidence,
                "passed": self.confidence > threshold,
                "probabilities": pd.Series(nothing if self.probabilities is None else self.probabilities, dtype=object),
                "image": pd.Series(nothing if self.image is None else self.image, dtype=object),
                "source": self.source,
                "line": self.line,
                "variant": pd.Series([self.variant] * len(self), dtype=object),
            }
        )
        frame.loc[frame["predicted"] == _NO_CLASS, "predicted"] = pd.NA
        return frame


def read_batches(
    place: Place,
    selection: Selection = Selection(),  # noqa: B008
    details: Details = Details(),
    *,
    processes: int = 1,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Iterator[Batch]:
    """Read what is wanted of a place, file by file.

    Files of a bucket are fetched some at a time, ahead of the one that is read. Memory holds a few blocks
    (:data:`harness.capture.decoding.BLOCK`), however much there is; with several processes, some files without their
    images.

    Args:
        place: where the captures lie.
        selection: which records are wanted.
        details: which of the larger columns are.
        processes: how many read the files of a folder, where it holds more than 512 MB. With more than one, a script
            needs ``if __name__ == "__main__"``, as always with :mod:`multiprocessing`.
        progress: told, as bytes are read, how many of how many (as stored) those are.

    Returns:
        Batches in the order of the files; one may hold no records, only skipped lines.

    Raises:
        OSError: a file cannot be read.
        botocore.exceptions.ClientError: S3 refuses.
    """
    files = list(place.files(selection))
    total = sum(file.size for file in files)
    progress(0, total)
    done = 0
    for batches, size in _read(place, files, details, processes, total):
        for batch in batches:
            yield select(batch, selection)
        done += size
        progress(done, total)


def read_frame(
    place: Place,
    selection: Selection = Selection(),  # noqa: B008
    *,
    threshold: float,
    processes: int = 1,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> tuple[pd.DataFrame, list[Skipped]]:
    """Read all wanted records of a place into one frame, in order of time, without images and probabilities.

    A million records take some 300 MB.

    Args:
        place: where the captures lie.
        selection: which records are wanted.
        threshold: confidence to exceed (0 to 1), for the column ``passed``.
        processes: how many read the files of a folder, as of :func:`read_batches`.
        progress: told, as bytes are read, how many of how many (as stored) those are.

    Returns:
        the frame, a line a record, with the columns of :func:`harness.capture.records.to_frame` and ``variant``; and
        the lines that were no record.
    """
    import pandas as pd

    from harness.capture.records import to_frame

    frames, skipped = [], []
    for batch in read_batches(place, selection, processes=processes, progress=progress):
        skipped += batch.skipped
        if len(batch):
            frames.append(batch.to_frame(threshold))
    if not frames:
        return to_frame([], threshold).assign(variant=pd.Series(dtype=object)), skipped
    frame = pd.concat(frames, ignore_index=True)
    return frame.sort_values(["time", "source", "line"], kind="stable", ignore_index=True), skipped


def parse_stream(stream: Any, file: CaptureFile, details: Details = Details()) -> Iterator[Batch]:
    """Read the batches of one file, from its beginning.

    Args:
        stream: the file, open for reading bytes; gzip is recognized.
        file: where it lies, for the columns ``source`` and ``variant``.
        details: which of the larger columns are wanted.
    """
    before = 0
    for block, trouble in read_blocks(stream):
        batch = _batch(block, file.source, file.variant, details, before)
        before += batch.lines
        if trouble is not None:
            batch.skipped.append(Skipped(file.source, before + 1, f"the compressed file is broken: {trouble}"))
        yield batch


def _read(
    place: Place, files: list[CaptureFile], details: Details, processes: int, total: int
) -> Iterator[tuple[Iterable[Batch], int]]:
    if isinstance(place, FolderPlace) and processes > 1 and total > _WORTHWHILE:
        # Spawned: a fork of a process that has threads may find their locks held for good.
        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
            tasks = ((place.folder, some, details) for some in _together(files))
            yield from _ahead(pool, _read_files, tasks, 2 * processes)
        return
    if isinstance(place, FolderPlace):
        for file in files:
            with place.open(file) as stream:
                yield parse_stream(stream, file, details), file.size
        return
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="captures") as pool:
        for file, stream in _ahead(pool, lambda file: (file, place.open(file)), files, _THREADS):
            with stream:
                yield parse_stream(stream, file, details), file.size


def _ahead(pool: Executor, function: Callable[[T], R], items: Iterable[T], count: int) -> Iterator[R]:
    """``pool.map`` that works on at most *count* items beyond the one that is taken."""
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _together(files: list[CaptureFile]) -> Iterator[list[CaptureFile]]:
    some: list[CaptureFile] = []
    for file in files:
        some.append(file)
        if sum(item.size for item in some) >= TOGETHER:
            yield some
            some = []
    if some:
        yield some


def _read_files(task: tuple[Path, list[CaptureFile], Details]) -> tuple[list[Batch], int]:
    folder, files, details = task
    batches: list[Batch] = []
    for file in files:
        with (folder / file.source).open("rb") as stream:
            batches += parse_stream(stream, file, details)
    return batches, sum(file.size for file in files)


def _batch(block: bytes | memoryview, source: str, variant: str | None, details: Details, before: int) -> Batch:
    records, numbers, broken = decode_lines(block, with_input=details.image)
    outputs = [record.captureData.endpointOutput for record in records]
    predicted, confidence, probabilities = _answers(outputs)
    inputs = [record.captureData.endpointInput for record in records]
    seconds = np.array([record.eventMetadata.inferenceTime.timestamp() for record in records], dtype=np.float64)
    return Batch(
        source=source,
        variant=variant,
        line=np.array(numbers, dtype=np.int64) + before,
        time=np.rint(seconds * 1e6).astype("datetime64[us]"),
        event_id=[record.eventMetadata.eventId for record in records],
        inference_id=[record.eventMetadata.inferenceId for record in records],
        content_type=[None if side is None else side.observedContentType for side in inputs],
        predicted=predicted,
        confidence=confidence,
        probabilities=probabilities if details.probabilities else None,
        image=[None if side is None else side.data for side in inputs] if details.image else None,
        encoding=[None if side is None else side.encoding for side in inputs] if details.image else None,
        skipped=[Skipped(source, before + number, why) for number, why in broken],
        lines=count_lines(block),
        size=len(block),
    )


_LISTS = msgspec.json.Decoder(list[list[float]])


def _answers(outputs: list[Any]) -> tuple[NDArray[np.int32], NDArray[np.float64], list[list[float] | None]]:
    """Likeliest class, its probability, and all probabilities of each record."""
    every: list[list[float] | None]
    if outputs and all(side is not None and side.encoding == "JSON" for side in outputs):
        try:
            lists = _LISTS.decode("[" + ",".join([side.data for side in outputs]) + "]")
            table = np.array(lists)
        except ValueError:  # one that is no list of numbers, or lists of several lengths
            pass
        else:
            if table.ndim == 2 and len(table) == len(outputs) and table.shape[1]:
                every = list(lists)
                return table.argmax(1).astype(np.int32), table.max(1), every
    every = [None if side is None else _probabilities(side) for side in outputs]
    confidence = np.array([max(values) if values else np.nan for values in every], dtype=np.float64)
    predicted = [values.index(max(values)) if values else _NO_CLASS for values in every]
    return np.array(predicted, dtype=np.int32), confidence, every


def _probabilities(side: Any) -> list[float] | None:
    return probabilities_of(Payload(side.observedContentType, side.encoding, side.data))


def select(batch: Batch, selection: Selection) -> Batch:
    """Return the wanted records of a batch, with all of its skipped lines."""
    chosen = np.ones(len(batch), dtype=bool)
    if selection.since is not None:
        chosen &= batch.time >= _moment(selection.since)
    if selection.until is not None:
        chosen &= batch.time < _moment(selection.until)
    if selection.classes:
        chosen &= np.isin(batch.predicted, list(selection.classes))
    if selection.min_confidence is not None:
        chosen &= batch.confidence >= selection.min_confidence
    if selection.max_confidence is not None:
        chosen &= batch.confidence <= selection.max_confidence
    return batch.keep(chosen)


def _moment(time: datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")
