"""Who stopped an execution: neither DescribeExecution nor the history tells it, the emulator and AWS CloudTrail do."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from harness.dashboard.clients import Clients

_AROUND = timedelta(minutes=1)


def who_stopped(clients: Clients, arn: str, stopped: datetime | None) -> str:
    """As whom StopExecution was called.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html

    Args:
        clients: lead to the target.
        arn: of an execution that was stopped.
        stopped: when.

    Returns:
        an ARN, as GetCallerIdentity has it; empty where it is not known: CloudTrail takes minutes.
    """
    if clients.control is not None:
        return str(clients.control.get(f"executions/{quote(arn)}")["stoppedBy"])
    if stopped is None:
        return ""
    try:
        found = clients.trail.lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "StopExecution"}],
            StartTime=stopped - _AROUND,
            EndTime=stopped + _AROUND,
        )["Events"]
    except (BotoCoreError, ClientError):  # not everybody may look there
        return ""
    for event in found:
        told = json.loads(event["CloudTrailEvent"])
        if (told.get("requestParameters") or {}).get("executionArn") == arn and not told.get("errorCode"):
            return str((told.get("userIdentity") or {}).get("arn", ""))
    return ""
