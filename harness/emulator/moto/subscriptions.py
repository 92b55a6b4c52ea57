"""CloudWatch Logs' subscription filters whose destination is a function.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.emulator.events.deliveries import Deliveries
from harness.emulator.logs.patterns import LogPattern
from harness.emulator.moto.patches import Patch

SERVICE = "logs.amazonaws.com"


def subscription_patches(deliveries: Deliveries) -> tuple[Patch, ...]:
    """Have *deliveries* hand log events over."""
    reason = "moto hands log events to its own Lambda, which runs in Docker, whatever the filter's pattern"
    return (
        Patch(
            "moto.logs.models",
            "LogsBackend.put_subscription_filter",
            "AWS refuses a function that Logs may not invoke; a pattern that moto cannot read would match everything",
            "ours",
            lambda original: _put(deliveries, original),
        ),
        Patch(
            "moto.logs.models",
            "LogStream._send_log_events",
            reason,
            "ours",
            lambda original: _send(deliveries, original),
        ),
    )


def _put(deliveries: Deliveries, original: Any) -> Any:
    @functools.wraps(original)
    def put_subscription_filter(
        self: Any, log_group_name: str, filter_name: str, filter_pattern: str, destination_arn: str, role_arn: str
    ) -> None:
        if destination_arn.split(":")[2:3] != ["lambda"]:
            original(self, log_group_name, filter_name, filter_pattern, destination_arn, role_arn)
            return
        group = self.groups.get(log_group_name)
        if group is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        if not deliveries.may_invoke(destination_arn, SERVICE, _source(self.account_id, group)):
            raise AwsError(
                "InvalidParameterException",
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
                "your function.",
            )
        LogPattern(filter_pattern)
        group.put_subscription_filter(filter_name, filter_pattern, destination_arn, role_arn)

    return put_subscription_filter


def _send(deliveries: Deliveries, original: Any) -> Any:
    @functools.wraps(original)
    def _send_log_events(
        self: Any, service: str, destination_arn: str, filter_name: str, log_events: list[dict[str, Any]]
    ) -> None:
        if service != "lambda":
            original(self, service, destination_arn, filter_name, log_events)
            return
        pattern = LogPattern(self.log_group.subscription_filters[filter_name].filter_pattern)
        wanted = [each for each in log_events if pattern.matches(each["message"])]
        if not wanted:
            return
        data = {
            "messageType": "DATA_MESSAGE",
            "owner": self.account_id,
            "logGroup": self.log_group.name,
            "logStream": self.log_stream_name,
            "subscriptionFilters": [filter_name],
            "logEvents": [{**each, "id": f"{int(each['id']):056d}"} for each in wanted],
        }
        packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
        source = _source(self.account_id, self.log_group)
        deliveries.invoke(destination_arn, {"awslogs": {"data": packed}}, SERVICE, source)

    return _send_log_events


def _source(account: str, group: Any) -> str:
    return f"arn:aws:logs:{group.region}:{account}:log-group:{group.name}:*"
