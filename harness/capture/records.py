"""Reads Data Capture files: every record of every file, into objects or a pandas frame.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.capture.decoding import Line, Side, count_lines, decode_lines, read_blocks
from harness.capture.places import CaptureFile, FolderPlace, Place, bucket_place

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "time",
    "event_id",
    "inference_id",
    "content_type",
    "predicted",
    "confidence",
    "passed",
    "probabilities",
    "image",
    "source",
    "line",
)


@dataclass(frozen=True)
class Payload:
    """What went into a model, or came out of it."""

    content_type: str
    encoding: str
    """``BASE64``, ``JSON`` or ``CSV``."""
    data: str = field(repr=False)

    def content(self) -> bytes:
        """Return the bytes as they went over the wire.

        Raises:
            ValueError: the data is not base64 though it says so.
        """
        if self.encoding != "BASE64":
            return self.data.encode()
        try:
            return base64.b64decode(self.data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"captured data is not base64: {error}") from None


@dataclass(frozen=True)
class CaptureRecord:
    """One captured invocation."""

    event_id: str
    time: datetime
    """When it was invoked, UTC, to the second."""
    inference_id: str | None
    input: Payload | None
    output: Payload | None
    source: str
    """File that it stands in."""
    line: int
    """Line of that file, from 1."""

    def probabilities(self) -> list[float] | None:
        """Return the output as a list of numbers, or None where it is not one."""
        return None if self.output is None else probabilities_of(self.output)


@dataclass(frozen=True)
class Skipped:
    """A line that holds no record."""

    source: str
    line: int
    reason: str


@dataclass(frozen=True)
class Captures:
    """All that was read."""

    records: list[CaptureRecord]
    """In order of time."""
    skipped: list[Skipped]


def probabilities_of(output: Payload) -> list[float] | None:
    """Read a model's answer as a list of numbers; None where it is not one."""
    try:
        values = json.loads(output.content())
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or not values:
        return None
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return None
    try:
        return [float(value) for value in values]
    except OverflowError:  # a whole number that no float holds
        return None


def read_folder(folder: Path) -> Captures:
    """Read all capture files below a folder.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    return _read(FolderPlace(folder), 1)


def read_s3(s3: Any, uri: str, *, threads: int = 8) -> Captures:
    """Read all capture files below an S3 URI.

    Args:
        s3: an S3 client.
        uri: ``s3://bucket/prefix``.
        threads: files to fetch at a time.

    Raises:
        ValueError: *uri* is no S3 URI.
        botocore.exceptions.ClientError: S3 refuses.
    """
    return _read(bucket_place(s3, uri), threads)


def _read(place: Place, threads: int) -> Captures:
    def content(file: CaptureFile) -> tuple[str, bytes]:
        with place.open(file) as stream:
            return file.source, stream.read()

    with ThreadPoolExecutor(threads, thread_name_prefix="captures") as pool:
        return _collect(pool.map(content, place.files()))


def await_s3(
    s3: Any,
    uri: str,
    count: int,
    *,
    select: Callable[[CaptureRecord], bool] = lambda record: True,
    timeout: float = 900,
    progress: Callable[[int], None] = lambda have: None,
) -> list[CaptureRecord]:
    """Read all capture files below an S3 URI, again and again until *count* records of the wanted kind are there.

    A record can take minutes to appear on AWS; locally a minute, or until somebody asks the emulator to flush.

    Args:
        s3: an S3 client.
        uri: ``s3://bucket/prefix``.
        count: records to wait for.
        select: which records are wanted; all unless given.
        timeout: seconds after which to give up.
        progress: told, after each look, how many there are.

    Returns:
        The wanted records, in order of time.

    Raises:
        TimeoutError: fewer were there by then.
    """
    deadline = time.monotonic() + timeout
    pause = 0.1
    while True:
        records = [record for record in read_s3(s3, uri).records if select(record)]
        progress(len(records))
        if len(records) >= count:
            return records
        if time.monotonic() > deadline:
            raise TimeoutError(f"{uri} held {len(records)} of {count} capture records after {timeout:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 10)


def parse_file(source: str, data: bytes) -> Iterator[CaptureRecord | Skipped]:
    """Yield the records of one file, compressed or not, and the lines that hold none.

    A file that was being written when it was read ends in a broken line, and a gzip file perhaps in a broken block:
    what comes before is read all the same.
    """
    before = 0
    for block, trouble in read_blocks(io.BytesIO(data)):
        records, numbers, broken = decode_lines(block)
        found = [
            (number, _record(line, source, before + number)) for line, number in zip(records, numbers, strict=True)
        ]
        yield from _in_order(found, [(number, Skipped(source, before + number, why)) for number, why in broken])
        before += count_lines(block)
        if trouble is not None:
            yield Skipped(source, before + 1, f"the compressed file is broken: {trouble}")


def to_frame(records: Iterable[CaptureRecord], threshold: float | None = None) -> pd.DataFrame:
    """Return a line a record.

    Columns: ``time`` (UTC), ``event_id``, ``inference_id``, ``content_type`` (of the input), ``predicted`` (number of
    the likeliest class), ``confidence`` (its probability), ``passed`` (whether that exceeds the threshold),
    ``probabilities``, ``image`` (the input as it is in the record), ``source``, ``line``.

    Args:
        records: capture records.
        threshold: confidence to exceed; the setting when None.
    """
    import pandas as pd

    from harness.settings import get_settings

    limit = get_settings().threshold if threshold is None else threshold
    rows = []
    for record in records:
        probabilities = record.probabilities()
        confidence = max(probabilities) if probabilities else math.nan
        rows.append(
            {
                "time": record.time,
                "event_id": record.event_id,
                "inference_id": record.inference_id,
                "content_type": record.input.content_type if record.input else None,
                "predicted": probabilities.index(confidence) if probabilities else None,
                "confidence": confidence,
                "passed": bool(confidence > limit),
                "probabilities": probabilities,
                "image": record.input.data if record.input else None,
                "source": record.source,
                "line": record.line,
            }
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    frame["predicted"] = frame["predicted"].astype("Int64")
    return frame


def _collect(files: Iterable[tuple[str, bytes]]) -> Captures:
    records: list[CaptureRecord] = []
    skipped: list[Skipped] = []
    for source, data in files:
        for item in parse_file(source, data):
            if isinstance(item, CaptureRecord):
                records.append(item)
            else:
                skipped.append(item)
    records.sort(key=lambda record: (record.time, record.source, record.line))
    return Captures(records, skipped)


def _in_order(
    records: list[tuple[int, CaptureRecord]], skipped: list[tuple[int, Skipped]]
) -> Iterator[CaptureRecord | Skipped]:
    both: list[tuple[int, CaptureRecord | Skipped]] = [*records, *skipped]
    both.sort(key=lambda item: item[0])
    return (item for _, item in both)


def _record(line: Line[Side], source: str, number: int) -> CaptureRecord:
    data, metadata = line.captureData, line.eventMetadata
    return CaptureRecord(
        event_id=metadata.eventId,
        time=metadata.inferenceTime.astimezone(UTC),
        inference_id=metadata.inferenceId,
        input=_payload(data.endpointInput),
        output=_payload(data.endpointOutput),
        source=source,
        line=number,
    )


def _payload(side: Side | None) -> Payload | None:
    return None if side is None else Payload(side.observedContentType, side.encoding, side.data)
