"""What a state's function printed: its lines out of CloudWatch Logs.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from harness.dashboard.steps import Attempt

MOST_EVENTS = 2000
_MARGIN = timedelta(seconds=2)
"""Before and after a try, in which its lines are looked for: clocks differ."""


@dataclass(frozen=True)
class LogLine:
    """A line of a log."""

    time: datetime
    text: str


@dataclass(frozen=True)
class Log:
    """The log of one try."""

    group: str
    lines: list[LogLine]
    note: str = ""
    """Why there are no lines, or whose else they may be."""


def log_of(logs: Any, functions: Any, attempt: Attempt) -> Log:
    """Read the lines of one try of a Lambda function.

    Those between START and REPORT of its request, where the history tells which that is; else all of that time.

    Args:
        logs: a CloudWatch Logs client.
        functions: a Lambda client, which knows log groups that were configured.
        attempt: the try; of a function.
    """
    group = _group(functions, attempt.function)
    if attempt.error.startswith("Lambda.") and attempt.error != "Lambda.Unknown" and not attempt.request_id:
        return Log(group, [], "The call was refused: the function did not run.")
    began = attempt.began - _MARGIN
    ended = (attempt.ended or datetime.now(UTC)) + _MARGIN
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group,
            startTime=int(began.timestamp() * 1000),
            endTime=int(ended.timestamp() * 1000),
            PaginationConfig={"MaxItems": MOST_EVENTS},
        )
        events = [event for page in pages for event in page["events"]]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return Log(group, [], f"The log group {group} does not exist (yet).")
        raise
    if attempt.request_id:
        events = _of_request(events, attempt.request_id)
        note = "" if events else "Nothing yet: logs appear some seconds after the call."
    else:
        note = (
            "The history does not tell the request's number: these are all lines of that time."
            if events
            else ("There are no lines of that time.")
        )
    lines = [LogLine(datetime.fromtimestamp(e["timestamp"] / 1000, UTC), e["message"].rstrip("\n")) for e in events]
    return Log(group, lines, note)


def _group(functions: Any, name: str) -> str:
    try:
        described = functions.get_function_configuration(FunctionName=name)
    except ClientError:
        described = {}
    return str(described.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}")


def _of_request(events: list[dict[str, Any]], request_id: str) -> list[dict[str, Any]]:
    """Return what one environment printed from the request's START to its REPORT."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        streams.setdefault(event.get("logStreamName", ""), []).append(event)
    for lines in streams.values():
        first = next(
            (i for i, e in enumerate(lines) if e["message"].startswith(f"START RequestId: {request_id}")), None
        )
        if first is None:
            continue
        last = next(
            (i for i, e in enumerate(lines) if e["message"].startswith(f"REPORT RequestId: {request_id}")), len(lines)
        )
        return lines[first : last + 1]
    return []
