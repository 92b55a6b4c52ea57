"""Records of DynamoDB's and Kinesis' streams: as functions get them, as filters see them, when they came.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.emulator.lambda_.sources.reading import EventSourceMapping


def service_of(mapping: EventSourceMapping) -> str:
    """Return the service that a mapping's stream is of: ``dynamodb`` or ``kinesis``."""
    return str(mapping["EventSourceArn"]).split(":")[2]


def as_seen(found: Mapping[str, Any], mapping: EventSourceMapping, shard: str, role: str) -> dict[str, Any]:
    """Return a record as a function gets it.

    Args:
        found: as the stream gives it.
        mapping: that reads the stream.
        shard: it comes from.
        role: of the function.
    """
    arn = str(mapping["EventSourceArn"])
    if service_of(mapping) == "dynamodb":
        record: dict[str, Any] = json.loads(json.dumps(found, default=_plain))
        return {**record, "eventSourceARN": arn}
    sequence = str(found["SequenceNumber"])
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": found["PartitionKey"],
            "sequenceNumber": sequence,
            "data": base64.b64encode(found["Data"]).decode(),
            "approximateArrivalTimestamp": round(found["ApproximateArrivalTimestamp"].timestamp(), 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": arn.split(":")[3],
        "eventSourceARN": arn,
    }


def sequence_of(record: Mapping[str, Any]) -> str:
    """Return a record's number in its shard."""
    inner = record.get("kinesis") or record["dynamodb"]
    return str(inner.get("sequenceNumber") or inner.get("SequenceNumber"))


def arrival_of(record: Mapping[str, Any]) -> float:
    """When a record came, in seconds since 1970."""
    inner = record.get("kinesis") or record["dynamodb"]
    return float(inner.get("approximateArrivalTimestamp") or inner.get("ApproximateCreationDateTime") or time.time())


def time_text(seconds: float, service: str, always: bool = False) -> str:
    """Write a time as AWS does: DynamoDB knows no milliseconds.

    Args:
        seconds: since 1970.
        service: whose time it is.
        always: write milliseconds all the same.
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    exact = always or service == "kinesis"
    return moment.isoformat(timespec="milliseconds" if exact else "seconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return float(int(value.timestamp()))  # DynamoDB knows no milliseconds
    raise TypeError(type(value).__name__)


def as_filtered(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its data as filters see it.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
    """
    if "kinesis" not in record:
        return record
    try:
        data: Any = json.loads(base64.b64decode(record["kinesis"]["data"]))
    except ValueError:
        data = record["kinesis"]["data"]
    return {**record, "data": data}
