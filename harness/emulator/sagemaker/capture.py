"""Data Capture: records of invocations, written to S3 in the background.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.clients import Clients
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest

logger = logging.getLogger(__name__)

MAX_PENDING_BYTES = 512 << 20
"""Bytes of bodies that may wait for S3. Past that the oldest are given up, and reported."""
GATHERED_SECONDS = 60.0
"""Seconds for which a file gathers records, from its first on; AWS's files hold some 56 s apart, none 75 s."""
MAX_FILE_BYTES = 5 << 20
"""Bytes of bodies after which a file is written before that."""
_RETRY_PAUSE = 1.0


@dataclass(frozen=True)
class CaptureConfig:
    """An endpoint's DataCaptureConfig, as far as writing goes."""

    destination: str
    """``s3://bucket/prefix`` without a slash at its end."""
    sampling_percentage: int
    modes: frozenset[str]
    """``Input``, ``Output`` or both."""
    csv_types: frozenset[str]
    json_types: frozenset[str]
    kms_key_id: str | None = None

    @classmethod
    def read(cls, config: Mapping[str, Any] | None) -> CaptureConfig | None:
        """From CreateEndpointConfig's ``DataCaptureConfig``; None where capture is off."""
        if not config or not config.get("EnableCapture"):
            return None
        headers = config.get("CaptureContentTypeHeader") or {}
        return cls(
            destination=config["DestinationS3Uri"].rstrip("/"),
            sampling_percentage=int(config["InitialSamplingPercentage"]),
            modes=frozenset(option["CaptureMode"] for option in config["CaptureOptions"]),
            csv_types=frozenset(headers.get("CsvContentTypes") or ()),
            json_types=frozenset(headers.get("JsonContentTypes") or ()),
            kms_key_id=config.get("KmsKeyId") or None,
        )

    def samples(self) -> bool:
        """Whether the next invocation is among those to capture."""
        return self.sampling_percentage >= 100 or random.uniform(0, 100) < self.sampling_percentage


@dataclass(frozen=True)
class Captured:
    """One invocation, kept as it was until it is written."""

    config: CaptureConfig
    region: str
    endpoint: str
    variant: str
    request: ModelRequest = field(repr=False)
    answer: ModelAnswer = field(repr=False)
    inference_id: str | None
    time: float
    """Seconds since the epoch."""
    role: RoleSession
    """As which it is written."""

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return len(self.request.body) + len(self.answer.body)


_File = tuple[CaptureConfig, str, str, str, str, RoleSession]
"""Configuration, region, endpoint, variant, hour and role: records that go to one file."""


def record_of(captured: Captured) -> dict[str, Any]:
    """Return the capture record of an invocation, its keys in AWS's order."""
    data: dict[str, Any] = {}
    config = captured.config
    if "Input" in config.modes:
        data["endpointInput"] = _side(config, "INPUT", captured.request.content_type, captured.request.body)
    if "Output" in config.modes:
        data["endpointOutput"] = _side(config, "OUTPUT", captured.answer.content_type, captured.answer.body)
    metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
    if captured.request.custom_attributes:
        metadata["customAttributes"] = [captured.request.custom_attributes]
    if captured.inference_id:
        metadata["inferenceId"] = captured.inference_id
    metadata["inferenceTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(captured.time))
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def _side(config: CaptureConfig, mode: str, content_type: str, body: bytes) -> dict[str, str]:
    kind = content_type.partition(";")[0].strip().lower()
    encoding = "CSV" if kind in config.csv_types else "JSON" if kind in config.json_types else "BASE64"
    if encoding != "BASE64":
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            encoding = "BASE64"
    if encoding == "BASE64":
        text = base64.b64encode(body).decode("ascii")
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


class CaptureWriter:
    """Takes invocations and writes them to S3, some to a file: those of a minute, up to a size, as on AWS.

    Taking costs an invocation an append to a list. A bucket that cannot be reached loses nothing: the records wait,
    are tried again, and the trouble is logged and shown by :meth:`status`.

    Args:
        clients: where S3 answers.
        seconds: for how long a file gathers records, from its first on.
        now: the time by the emulator's clock, by which invocations are stamped.
    """

    def __init__(
        self, clients: Clients, seconds: float = GATHERED_SECONDS, now: Callable[[], float] = time.time
    ) -> None:
        self._clients = clients
        self._seconds = seconds
        self.now = now
        self._gathered: dict[_File, deque[Captured]] = {}
        self._begun: dict[_File, float] = {}
        """When each file's first record came, by the machine's monotonic clock."""
        self._sizes: Counter[_File] = Counter()
        self._in_flight = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._written = 0
        self._given_up = 0
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="data-capture", daemon=True)
        self._thread.start()

    def put(self, captured: Captured) -> None:
        """Take one invocation."""
        key = _file_of(captured)
        with self._lock:
            first = key not in self._gathered
            self._gathered.setdefault(key, deque()).append(captured)
            self._begun.setdefault(key, time.monotonic())
            self._sizes[key] += captured.size
            while self._sizes.total() > MAX_PENDING_BYTES and self._drop_oldest():
                self._given_up += 1
            full = self._sizes[key] >= MAX_FILE_BYTES
        if first or full:
            self._wake.set()

    def flush(self) -> bool:
        """Write all that was taken before; return whether that worked."""
        return self._write_those(lambda key: True)

    def _write_those(self, chosen: Callable[[_File], bool]) -> bool:
        """Write the files that *chosen* says; return whether that worked."""
        with self._writing:
            with self._lock:
                taken = {key: self._gathered.pop(key) for key in list(self._gathered) if chosen(key)}
                for key in taken:
                    del self._sizes[key], self._begun[key]
                self._in_flight = sum(map(len, taken.values()))
            failed: dict[_File, deque[Captured]] = {}
            for key, group in taken.items():
                try:
                    self._write(key, group)
                    self._written += len(group)
                except Exception as error:
                    failed[key] = group
                    self._report(f"{len(group)} capture records for {key[0].destination} wait: {error}")
            with self._lock:
                for key, group in failed.items():
                    self._sizes[key] += sum(captured.size for captured in group)
                    self._begun.setdefault(key, time.monotonic())
                    group.extend(self._gathered.get(key, ()))
                self._gathered = failed | {key: group for key, group in self._gathered.items() if key not in failed}
                self._in_flight = 0
            if not failed and self._trouble is not None:
                logger.info("data capture works again")
                self._trouble = None
            return not failed

    def _drop_oldest(self) -> bool:
        """Give up the oldest record of the file that began first; return whether there was more than one."""
        key = next(iter(self._gathered))
        if len(self._gathered) == 1 and len(self._gathered[key]) == 1:
            return False
        self._sizes[key] -= self._gathered[key].popleft().size
        if not self._gathered[key]:
            del self._gathered[key], self._sizes[key], self._begun[key]
        return True

    def _is_due(self, key: _File) -> bool:
        if self._trouble is not None:
            return True  # all of them are tried again
        return self._sizes[key] >= MAX_FILE_BYTES or self._begun[key] + self._seconds <= time.monotonic()

    def _until_due(self) -> float | None:
        """Seconds until a file is due, None while there is none."""
        with self._lock:
            if not self._gathered:
                return None
            if self._trouble is not None:
                return _RETRY_PAUSE
            if any(size >= MAX_FILE_BYTES for size in self._sizes.values()):
                return 0.0
            return max(0.0, min(self._begun[key] for key in self._gathered) + self._seconds - time.monotonic())

    def status(self) -> dict[str, Any]:
        """How many records were written, wait and were given up, and what is in the way."""
        with self._lock:
            return {
                "written": self._written,
                "pending": sum(map(len, self._gathered.values())) + self._in_flight,
                "given_up": self._given_up,
                "trouble": self._trouble,
            }

    def close(self) -> None:
        """Write what is left and stop; what cannot be written is reported as lost."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        if not self.flush():
            with self._lock:
                logger.error("%d capture records are lost: %s", sum(map(len, self._gathered.values())), self._trouble)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._until_due())
            self._wake.clear()
            if not self._closed and not self._write_those(self._is_due):
                self._pause(_RETRY_PAUSE)

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._closed and (left := deadline - time.monotonic()) > 0:
            self._wake.wait(left)
            if not self._closed:
                self._wake.clear()

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            logger.warning("%s", trouble)
        self._trouble = trouble
        self._wake.set()

    def _write(self, key: _File, group: Iterable[Captured]) -> None:
        config, region, endpoint, variant, hour, role = key
        bucket, _, prefix = config.destination.removeprefix("s3://").partition("/")
        first = next(iter(group)).time
        name = time.strftime("%M-%S", time.gmtime(first)) + f"-{int(first * 1000) % 1000:03d}-{uuid.uuid4()}.jsonl"
        path = "/".join(part for part in (prefix, endpoint, variant, hour, name) if part)
        records = (json.dumps(record_of(captured), separators=(",", ":"), ensure_ascii=False) for captured in group)
        body = "".join(f"{record}\n" for record in records).encode()
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": config.kms_key_id} if config.kms_key_id else {}
        self._clients.get("s3", region, role, own=True).put_object(
            Bucket=bucket,
            Key=path,
            Body=body,
            ContentType="application/jsonlines",
            **encryption,
        )


def _file_of(captured: Captured) -> _File:
    hour = time.strftime("%Y/%m/%d/%H", time.gmtime(captured.time))
    return captured.config, captured.region, captured.endpoint, captured.variant, hour, captured.role
