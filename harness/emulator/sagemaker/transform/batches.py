"""Records of an object, grouped into requests, and answers put together again.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.states_language import jsonpath
from harness.states_language.errors import EvaluationError

_JSON = ("application/json", "application/jsonlines")


class TransformError(Exception):
    """An object cannot be transformed; the message goes to the job's data log."""


@dataclass(frozen=True)
class Batching:
    """How a job cuts its objects into requests."""

    splits: bool
    """``SplitType`` Line; False for whole objects."""
    many: bool
    """``BatchStrategy`` MultiRecord."""
    most_bytes: int
    """``MaxPayloadInMB``; 0 for no limit."""

    def batches(self, path: Path) -> Iterator[list[bytes]]:
        """Yield the records of each request.

        Raises:
            TransformError: a record is larger than a request may be.
        """
        if not self.splits:
            yield [self._fitting(path.read_bytes())]
            return
        batch: list[bytes] = []
        size = 0
        with path.open("rb") as file:
            for line in file:
                record = self._fitting(line.rstrip(b"\r\n"))
                if not record:
                    continue
                full = self.most_bytes and size + len(record) + 1 > self.most_bytes
                if batch and (not self.many or full):
                    yield batch
                    batch, size = [], 0
                batch.append(record)
                size += len(record) + 1
        if batch:
            yield batch

    def _fitting(self, record: bytes) -> bytes:
        if self.most_bytes and len(record) > self.most_bytes:
            raise TransformError(f"a record of {len(record)} bytes is larger than MaxPayloadInMB allows")
        return record


@dataclass(frozen=True)
class Processing:
    """``DataProcessing``: what of a record is sent, and what of record and answer is written."""

    content_type: str
    input_filter: str
    output_filter: str
    joins: bool

    @classmethod
    def read(cls, given: Mapping[str, Any] | None, content_type: str) -> Processing | None:
        """From CreateTransformJob's request; None where records and answers stay as they are.

        Raises:
            TransformError: a filter is no JSONPath, or the records are neither CSV nor JSON.
        """
        given = given or {}
        found = cls(
            content_type.partition(";")[0].strip().lower(),
            given.get("InputFilter", "$"),
            given.get("OutputFilter", "$"),
            given.get("JoinSource", "None") == "Input",
        )
        if not found.joins and found.input_filter == found.output_filter == "$":
            return None
        if found.content_type not in (*_JSON, "text/csv"):
            raise TransformError(f"filters and joins take CSV and JSON, not {content_type}")
        for path in (found.input_filter, found.output_filter):
            try:
                jsonpath.compile(path)
            except (ValueError, EvaluationError) as error:
                raise TransformError(f"{path} is no JSONPath: {error}") from None
        return found

    def request(self, record: bytes) -> bytes:
        """Return what of a record the model gets."""
        return self._written(_at(self.input_filter, self._read(record)))

    def result(self, record: bytes, answer: bytes) -> bytes:
        """Return what is written for a record and the model's answer to it."""
        value = self._read(answer)
        if self.joins:
            value = self._joined(self._read(record), value)
        return self._written(_at(self.output_filter, value))

    def _joined(self, record: Any, answer: Any) -> Any:
        if self.content_type == "text/csv":
            return [*record, *answer]
        if isinstance(record, dict):
            return {**record, "SageMakerOutput": answer}
        return {"SageMakerInput": record, "SageMakerOutput": answer}

    def _read(self, text: bytes) -> Any:
        try:
            if self.content_type == "text/csv":
                return next(csv.reader([text.decode("utf-8").strip()]), [])
            return json.loads(text)
        except ValueError as error:
            raise TransformError(f"a record or an answer is no {self.content_type}: {error}") from None

    def _written(self, value: Any) -> bytes:
        if self.content_type == "text/csv":
            out = io.StringIO()
            csv.writer(out, lineterminator="").writerow(value if isinstance(value, list) else [value])
            return out.getvalue().encode()
        return json.dumps(value, separators=(",", ":")).encode()


def _at(path: str, value: Any) -> Any:
    if path == "$":
        return value
    try:
        return jsonpath.compile(path).evaluate(value, {}, {})
    except (ValueError, LookupError, EvaluationError) as error:
        raise TransformError(f"{path} finds nothing: {error}") from None
