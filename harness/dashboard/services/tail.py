"""The newest lines of a log group, or of a stream in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from harness.dashboard.logs import LogLine

MOST = 300


def tail(logs: Any, group: str, prefix: str = "") -> list[LogLine]:
    """Read the newest lines, the oldest of them first; none where there is no such group.

    Args:
        logs: a CloudWatch Logs client.
        group: the log group.
        prefix: with which the streams' names begin; empty for all streams.
    """
    events: list[dict[str, Any]] = []
    for stream in streams(logs, group, prefix)[:5]:
        answer = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=MOST)
        events += answer["events"]
    newest = sorted(events, key=lambda event: int(event["timestamp"]))[-MOST:]
    return [LogLine(datetime.fromtimestamp(each["timestamp"] / 1000, UTC), each["message"].rstrip()) for each in newest]


def streams(logs: Any, group: str, prefix: str = "") -> list[dict[str, Any]]:
    """List the streams of a log group, the one that was written to last first; none where there is no such group.

    Args:
        logs: a CloudWatch Logs client.
        group: the log group.
        prefix: with which their names begin.
    """
    given = {"logStreamNamePrefix": prefix} if prefix else {"orderBy": "LastEventTime", "descending": True}
    try:
        found = logs.describe_log_streams(logGroupName=group, limit=50, **given)["logStreams"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []
        raise
    return sorted(found, key=lambda stream: int(stream.get("lastEventTimestamp", 0)), reverse=True)
