"""Where moto has an event to deliver to a function, a machine, a queue or a topic, ours deliver it."""

from __future__ import annotations

import functools
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.emulator.door.trace import current
from harness.emulator.events import rules, s3, sns
from harness.emulator.events.deliveries import Deliveries
from harness.emulator.moto.patches import Patch

_KINDS = {"cloud_function": "function", "queue": "queue", "topic": "topic"}


def delivery_patches(deliveries: Deliveries) -> tuple[Patch, ...]:
    """Have *deliveries* hand events over."""
    reason = "moto hands events to its own Lambda, which runs in Docker, and knows few targets"
    return (
        Patch("moto.s3.notifications", "send_event", reason, "ours", lambda original: _object_event(deliveries)),
        Patch(
            "moto.s3.models",
            "S3Backend.put_bucket_notification_configuration",
            "AWS refuses destinations to which S3 may not deliver",
            "ours",
            lambda original: _configure(deliveries, original),
        ),
        Patch(
            "moto.sns.models", "Subscription.publish", reason, "ours", lambda original: _publish(deliveries, original)
        ),
        Patch(
            "moto.events.models",
            "Rule.send_to_targets",
            reason,
            "ours",
            lambda original: _to_targets(deliveries, original),
        ),
        Patch(
            "moto.sqs.models",
            "SQSBackend.send_message",
            "messages carry the trace of the request that sent them, by which loops are cut",
            "ours",
            _with_trace,
        ),
    )


def _with_trace(original: Any) -> Any:
    @functools.wraps(original)
    def send_message(self: Any, *positional: Any, **named: Any) -> Any:
        trace = current()
        if trace and len(positional) < 7:
            header = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
            named["system_attributes"] = header | (named.get("system_attributes") or {})
        return original(self, *positional, **named)

    return send_message


def _object_event(deliveries: Deliveries) -> Any:
    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        configuration = bucket.notification_configuration
        if configuration is None:
            return
        removed = "ObjectRemoved" in str(getattr(event_name, "value", event_name))
        versioned = bucket.versioning_status in ("Enabled", "Suspended")
        event = s3.ObjectEvent(
            str(getattr(event_name, "value", event_name)).removeprefix("s3:"),
            bucket.name,
            bucket.region_name,
            key.name,
            None if removed else key.size,
            None if removed else str(key.etag).strip('"'),
            str(key.version_id) if versioned and getattr(key, "version_id", None) else None,
        )
        found = [
            s3.Destination(notification.id, kind, notification.arn)
            for name, kind in _KINDS.items()
            for notification in getattr(configuration, name)
            if notification.matches(event_name, key.name)
        ]
        s3.deliver(deliveries, event, found)
        if configuration.event_bridge is not None:
            _to_default_bus(account_id, bucket.region_name, s3.bridge_event(event, account_id))

    return send_event


def _to_default_bus(account_id: str, region: str, event: Mapping[str, object]) -> None:
    from moto.events.models import events_backends

    bus = events_backends[account_id][region].event_buses["default"]
    for rule in list(bus.rules.values()):
        rule.send_to_targets(event)


def _configure(deliveries: Deliveries, original: Any) -> Any:
    def put(backend: Any, bucket_name: str, notification_config: dict[str, Any]) -> None:
        from moto.s3.exceptions import S3ClientError

        try:
            s3.check_destinations(deliveries, bucket_name, _destinations(notification_config))
        except AwsError as error:
            raise S3ClientError(error.code, error.message) from None
        original(backend, bucket_name, notification_config)

    return put


def _destinations(configuration: dict[str, Any]) -> Iterator[s3.Destination]:
    for member, kind in (("CloudFunction", "function"), ("Queue", "queue"), ("Topic", "topic")):
        listed = configuration.get(f"{member}Configuration") or []
        for each in listed if isinstance(listed, list) else [listed]:
            yield s3.Destination(str(each.get("Id") or ""), kind, str(each[member]))


def _publish(deliveries: Deliveries, original: Any) -> Any:
    def publish(subscription: Any, message: str, message_id: str, *arguments: Any, **named: Any) -> None:
        if subscription.protocol != "lambda":
            original(subscription, message, message_id, *arguments, **named)
            return
        names = ("subject", "message_attributes", "group_id", "deduplication_id", "message_structure")
        given = {**dict(zip(names, arguments, strict=False)), **named}
        attributes = given.get("message_attributes") or {}
        matcher = subscription._filter_policy_matcher
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if given.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, "lambda")
        notification = sns.Notification(
            subscription.topic_arn, subscription.arn, message_id, message, given.get("subject"), attributes
        )
        sns.deliver(deliveries, notification, subscription.endpoint)

    return publish


def _to_targets(deliveries: Deliveries, original: Any) -> Any:
    handed_on = threading.local()

    def send_to_targets(rule: Any, original_event: dict[str, Any], transform_input: bool = True) -> None:
        if rule.state == "DISABLED" or not rule.event_pattern.matches_event(original_event):
            return
        event = _event(original_event)
        others = [target for target in rule.targets if not rules.deliver(deliveries, rule.arn, event, target)]
        from_a_bus = getattr(handed_on, "now", False)
        if from_a_bus:  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
            others = [target for target in others if ":event-bus/" not in target["Arn"]]
        if not others:
            return
        targets, rule.targets, handed_on.now = rule.targets, others, True
        try:
            original(rule, original_event, transform_input)
        finally:
            rule.targets, handed_on.now = targets, from_a_bus

    return send_to_targets


def _event(given: dict[str, Any]) -> dict[str, Any]:
    """Write an event as targets get it."""
    stamp = given.get("time") or time.time()
    if isinstance(stamp, int | float) or str(stamp).replace(".", "", 1).isdigit():
        stamp = datetime.fromtimestamp(float(stamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = given.get("detail")
    known = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    found = {
        **given,
        "id": given.get("id") or str(uuid.uuid4()),
        "time": stamp,
        "detail": json.loads(detail) if isinstance(detail, str) else detail,
    }
    return {name: found[name] for name in known if name in found}
