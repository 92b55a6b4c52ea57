"""S3's event notifications.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from harness.emulator.door.errors import AwsError
from harness.emulator.events.deliveries import Deliveries

SERVICE = "s3.amazonaws.com"
_COUNTER = itertools.count(1)
_REASONS = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
    "ObjectRestore:Delete": "Object Restore Expired",
    "LifecycleExpiration": "Object Deleted",
    "LifecycleTransition": "Object Storage Class Changed",
    "IntelligentTiering": "Object Access Tier Changed",
    "ObjectAcl": "Object ACL Updated",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}


@dataclass(frozen=True)
class ObjectEvent:
    """Something that happened to an object.

    Attributes:
        name: ``ObjectCreated:Put``.
        bucket: its name.
        region: of the bucket.
        key: of the object.
        size: in bytes; None where it was removed.
        etag: without quotation marks; None where it was removed.
        version: of the object, where the bucket keeps versions.
    """

    name: str
    bucket: str
    region: str
    key: str
    size: int | None
    etag: str | None
    version: str | None


@dataclass(frozen=True)
class Destination:
    """Where a bucket's configuration sends an event.

    Attributes:
        id: of the configuration.
        kind: ``function``, ``queue`` or ``topic``.
        arn: of it.
    """

    id: str
    kind: str
    arn: str


def deliver(deliveries: Deliveries, event: ObjectEvent, destinations: Iterable[Destination]) -> None:
    """Send an event to each of a bucket's destinations.

    Args:
        deliveries: hands on to functions, queues and topics.
        event: what happened to the object.
        destinations: those whose events and key filters it fits.
    """
    source = f"arn:aws:s3:::{event.bucket}"
    for destination in destinations:
        told = {"Records": [_record(event, destination.id)]}
        if destination.kind == "function":
            deliveries.invoke(destination.arn, told, SERVICE, source)
        elif destination.kind == "queue":
            deliveries.send(destination.arn, json.dumps(told))
        else:
            deliveries.publish(destination.arn, json.dumps(told), "Amazon S3 Notification")


def bridge_event(event: ObjectEvent, account: str) -> Mapping[str, object]:
    """Write an event as EventBridge has it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html

    Args:
        event: what happened to the object.
        account: whose bucket it is.
    """
    kind, _, how = event.name.partition(":")
    found: dict[str, Any] = {"key": event.key}
    if event.size is not None:
        found["size"] = event.size
    if event.etag is not None:
        found["etag"] = event.etag
    if event.version is not None:
        found["version-id"] = event.version
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": event.bucket},
        "object": {**found, "sequencer": _sequencer()},
        "request-id": _request()[:16].upper(),
        "requester": account,
        "source-ip-address": "127.0.0.1",
    }
    if kind in ("ObjectCreated", "ObjectRemoved"):
        detail["reason"] = _REASONS.get(how, "DeleteObject")
    if kind == "ObjectRemoved":
        detail["deletion-type"] = "Delete Marker Created" if how == "DeleteMarkerCreated" else "Permanently Deleted"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": _DETAIL_TYPES.get(event.name) or _DETAIL_TYPES[kind],
        "source": "aws.s3",
        "account": account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": event.region,
        "resources": [f"arn:aws:s3:::{event.bucket}"],
        "detail": detail,
    }


def check_destinations(deliveries: Deliveries, bucket: str, destinations: Iterable[Destination]) -> None:
    """Look whether S3 may deliver to each of the destinations.

    Args:
        deliveries: knows functions' policies, queues and topics.
        bucket: name of the bucket.
        destinations: of the notification configuration that is put.

    Raises:
        AwsError: InvalidArgument: to one of them it may not.
    """
    for destination in destinations:
        if destination.kind == "function":
            may = deliveries.may_invoke(destination.arn, SERVICE, f"arn:aws:s3:::{bucket}")
        else:
            may = deliveries.exists(destination.arn)
        if not may:
            raise AwsError("InvalidArgument", "Unable to validate the following destination configurations")


def _record(event: ObjectEvent, configuration: str) -> dict[str, Any]:
    owner = {"principalId": "A3NL1KOZZKExample"}
    found: dict[str, Any] = {"key": quote_plus(event.key, safe="/")}
    if event.size is not None:
        found["size"] = event.size
    if event.etag is not None:
        found["eTag"] = event.etag
    if event.version is not None:
        found["versionId"] = event.version
    found["sequencer"] = _sequencer()
    request = _request()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": event.region,
        "eventTime": now,
        "eventName": event.name,
        "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": request[:16].upper(), "x-amz-id-2": request},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {"name": event.bucket, "ownerIdentity": owner, "arn": f"arn:aws:s3:::{event.bucket}"},
            "object": found,
        },
    }


def _sequencer() -> str:
    return f"{next(_COUNTER):018X}"


def _request() -> str:
    return hashlib.sha256(uuid.uuid4().bytes).hexdigest()
