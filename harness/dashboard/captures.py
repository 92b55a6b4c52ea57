"""What an endpoint captured, kept up to date for a chart: each record's time, confidence and class."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.capture.records import CaptureRecord, parse_file
from harness.dashboard.images import kind_of
from harness.project.executions import history, inferences_of
from harness.reporting.labels import label_from_name

MOST_POINTS = 20_000
"""Records that the chart holds, the newest."""
LEAST_SURE = 12
_MOST_PICTURES = 20_000
_MOST_LOOKED_AT = 200
"""Executions whose histories are read for one mark."""
_FILES_AT_ONCE = 400
"""Capture files that one look reads; the next goes on with older ones."""


@dataclass(frozen=True)
class Point:
    """A captured prediction."""

    time: float
    """Seconds since 1970, of the inference."""
    confidence: float
    predicted: int
    """Number of the likeliest class."""
    classes: int
    """How many classes it chose from."""
    event_id: str
    image: str
    """The picture that went in, as a ``data:`` address; empty where it was none, or a large one."""
    digest: str = ""
    """MD5 of what went in, by which images are the same, here and in S3; empty where it was not captured."""


@dataclass(frozen=True)
class Reading:
    """What was read of an endpoint's captures."""

    points: list[Point]
    """In order of time."""
    unread: int
    """Files that are not read (yet): the next look goes on, unless there is enough that is newer."""
    skipped: int
    """Records without a list of probabilities, and lines that hold none."""
    version: int


class CaptureReader:
    """Reads the captures below an S3 address once for all who look, and then only what is new.

    Args:
        s3: an S3 client.
        uri: ``s3://bucket/prefix``.
        max_age: seconds for which an answer is good.
    """

    def __init__(self, s3: Any, uri: str, max_age: float) -> None:
        self._s3 = s3
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.rstrip('/')}/"
        self._max_age = max_age
        self._lock = threading.Lock()
        self._files: dict[str, tuple[str, list[Point], int]] = {}
        self._reading = Reading([], 0, 0, 0)
        self._before: set[str] = set()
        self._floor = ""
        """What is older is not read: there is enough that is newer."""
        self._looked = -1e9
        self._labels: dict[str, int | None] = {}
        self._labelled = -1

    def read(self, now: bool = False) -> Reading:
        """Read what there is.

        Raises:
            botocore.exceptions.ClientError: S3 refuses.
        """
        with self._lock:
            if not now and time.monotonic() - self._looked < self._max_age:
                return self._reading
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            there = {
                item["Key"]: item["ETag"]
                for page in pages
                for item in page.get("Contents", [])
                if item["Key"].endswith((".jsonl", ".jsonl.gz"))
            }
            for key in [key for key in self._files if key not in there]:
                del self._files[key]
            recent = [key for key in there if self._when(key) > self._floor]
            new = [key for key in recent if self._files.get(key, ("",))[0] != there[key]]
            new.sort(key=self._when, reverse=True)
            wanted = new[:_FILES_AT_ONCE]
            with ThreadPoolExecutor(8, thread_name_prefix="captures") as threads:
                for key, found in threads.map(self._read_file, wanted):
                    self._files[key] = (there[key], *found)
            self._forget_the_oldest()
            present = set(self._files)
            if wanted or present != self._before:
                points = sorted((p for _, those, _ in self._files.values() for p in those), key=lambda p: p.time)
                self._before = present
                self._reading = Reading(
                    points[-MOST_POINTS:],
                    len(there) - len(self._files),
                    sum(skipped for _, _, skipped in self._files.values()),
                    self._reading.version + 1,
                )
            self._looked = time.monotonic()
            return self._reading

    def labels(self) -> dict[str, int]:
        """Return the true classes by images' MD5, as the names of the pictures in the captures' bucket say them.

        Raises:
            botocore.exceptions.ClientError: S3 refuses.
        """
        with self._lock:
            if self._labelled != self._reading.version:
                pages = self._s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self._bucket, PaginationConfig={"MaxItems": _MOST_PICTURES}
                )
                found: dict[str, int | None] = {}
                for item in (item for page in pages for item in page.get("Contents", [])):
                    label = label_from_name(item["Key"])
                    if label is not None:
                        # S3 gives an object's MD5 as its ETag; what stands in two classes is in none.
                        digest = item["ETag"].strip('"')
                        found[digest] = label if found.get(digest, label) == label else None
                self._labels, self._labelled = found, self._reading.version
            return {digest: label for digest, label in self._labels.items() if label is not None}

    def _when(self, key: str) -> str:
        # <prefix>/<variant>/yyyy/mm/dd/hh/MM-SS-...: without the variant, a key tells the time.
        return key[len(self._prefix) :].partition("/")[2]

    def _forget_the_oldest(self) -> None:
        have = 0
        for key in sorted(self._files, key=self._when, reverse=True):
            if have >= MOST_POINTS:
                self._floor = max(self._floor, self._when(key))
                del self._files[key]
            else:
                have += len(self._files[key][1])

    def _read_file(self, key: str) -> tuple[str, tuple[list[Point], int]]:
        data = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        points, skipped = [], 0
        for item in parse_file(key, data):
            point = _point(item) if isinstance(item, CaptureRecord) else None
            if point is None:
                skipped += 1
            else:
                points.append(point)
        return key, (points, skipped)


def least_sure(points: list[Point], most: int = LEAST_SURE) -> list[tuple[Point, int]]:
    """Return the points of the lowest confidence, the lowest first; each image once, with how often it came."""
    times = Counter(point.digest for point in points if point.digest)
    found: dict[str, Point] = {}
    for point in sorted(points, key=lambda point: point.confidence):
        found.setdefault(point.digest or point.event_id, point)
        if len(found) == most:
            break
    return [(point, times.get(point.digest, 1)) for point in found.values()]


def execution_of(states: Any, moment: float, confidence: float) -> str | None:
    """ARN of the execution that got a captured prediction: it ran then, and passed on an answer of that confidence.

    Args:
        states: a Step Functions client.
        moment: of the inference, seconds since 1970, to the second.
        confidence: of the prediction.
    """
    looked = 0
    for machines in states.get_paginator("list_state_machines").paginate():
        for machine in machines["stateMachines"]:
            if machine["type"] != "STANDARD":
                continue
            for page in states.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"]):
                for item in page["executions"]:
                    stopped = item.get("stopDate")
                    if item["startDate"].timestamp() > moment + 1 or (stopped and stopped.timestamp() < moment):
                        continue
                    looked += 1
                    if looked > _MOST_LOOKED_AT:
                        return None
                    answers = inferences_of(history(states, item["executionArn"]))
                    if any(max(json.loads(answer), default=None) == confidence for answer in answers):
                        return str(item["executionArn"])
    return None


def _point(record: CaptureRecord) -> Point | None:
    try:
        probabilities = record.probabilities()
    except ValueError:
        return None
    if not probabilities:
        return None
    confidence = max(probabilities)
    return Point(
        record.time.timestamp(),
        confidence,
        probabilities.index(confidence),
        len(probabilities),
        record.event_id,
        _picture(record),
        _digest(record),
    )


def _digest(record: CaptureRecord) -> str:
    try:
        return hashlib.md5(record.input.content(), usedforsecurity=False).hexdigest() if record.input else ""
    except ValueError:
        return ""


def _picture(record: CaptureRecord) -> str:
    if record.input is None or len(record.input.data) > 16_000:
        return ""
    try:
        content = record.input.content()
    except ValueError:
        return ""
    kind = kind_of(content)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else ""
