"""When a monitoring schedule is due, and which captures it looks at then.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-schedule-expression.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from harness.emulator.events.expressions import read_expression
from harness.emulator.sagemaker.names import refusal

NOW = "NOW"
_HOUR = timedelta(hours=1)
_MOST = 24
_ALLOWED = re.compile(r"cron\(0 (\*|\d{1,2}(/\d{1,2})?) \? \* \* \*\)")
_OFFSET = re.compile(r"-P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


def check_schedule(config: Mapping[str, Any]) -> None:
    """Refuse a ScheduleConfig that Model Monitor does not take.

    Raises:
        AwsError: ``ValidationException``.
    """
    text = config["ScheduleExpression"]
    if text == NOW:
        for name in ("DataAnalysisStartTime", "DataAnalysisEndTime"):
            if not _OFFSET.fullmatch(config.get(name, "")):
                raise refusal(f"{name} must be an offset as -PT1H for a schedule that runs once.")
    elif not _ALLOWED.fullmatch(text) or read_expression(text) is None:
        raise refusal(f"Invalid ScheduleExpression {text}: hourly and daily schedules are supported.")


def window_of_now(config: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """Return the hours that a schedule which runs once looks at; the last one is the one that goes on."""
    first, last = (now + _offset(config[f"DataAnalysis{name}Time"]) for name in ("Start", "End"))
    return _floor(first), _floor(last) + (_HOUR if last > _floor(last) else timedelta())


def due(text: str, begun: datetime, since: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the hours to look at of each time that a schedule was due, a day's at most.

    Args:
        text: ``ScheduleExpression``, e.g. ``cron(0 * ? * * *)``.
        begun: when the schedule was made, UTC.
        since: the last time that was done; it is not given again.
        now: until when, itself included.

    Returns:
        for each time, the first hour to look at, and the one after the last.
    """
    expression = read_expression(text)
    assert expression is not None
    last = _floor(now)
    hours = [last - number * _HOUR for number in range(2 * _MOST)][::-1]
    times = [hour for hour in hours if expression.is_due(begun, hour - timedelta(minutes=1), hour)]
    return [
        (times[place - 1] if place else hour - _HOUR, hour)
        for place, hour in enumerate(times)
        if hour > max(since, last - _MOST * _HOUR)
    ]


def _floor(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def _offset(text: str) -> timedelta:
    found = _OFFSET.fullmatch(text)
    assert found is not None
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return -timedelta(days=days, hours=hours, minutes=minutes)
