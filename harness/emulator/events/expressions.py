"""Schedule expressions: ``at(...)``, ``rate(...)`` and ``cron(...)``.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_MINUTE = timedelta(minutes=1)
_MOST_MINUTES = 60 * 24 * 7
"""That are looked at one by one for a cron expression when the clock has jumped."""

Due = Callable[[datetime, datetime, datetime], bool]
"""Whether it is due: given when the schedule was first seen, when it was last looked at, and now."""


@dataclass(frozen=True)
class Expression:
    """A schedule expression.

    Attributes:
        text: as it was written.
        once: whether it is due once only.
        is_due: whether it is.
    """

    text: str
    once: bool
    is_due: Due


def read_expression(text: str, timezone: str = "UTC") -> Expression | None:
    """Read a schedule expression; None where it is none."""
    zone = ZoneInfo(timezone)
    if match := _AT.fullmatch(text):
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=zone)
        return Expression(text, True, lambda begun, since, until: moment <= until)
    if match := _RATE.fullmatch(text):
        return Expression(text, False, _rate(int(match[1]) * _SECONDS[match[2]]))
    if match := _CRON.fullmatch(text):
        try:
            matches = _cron(*match.groups())
        except (ValueError, KeyError):
            return None
        return Expression(text, False, lambda begun, since, until: _any_minute(matches, since, until, zone))
    return None


def _rate(seconds: int) -> Due:
    def is_due(begun: datetime, since: datetime, until: datetime) -> bool:
        return (until - begun).total_seconds() // seconds > (since - begun).total_seconds() // seconds

    return is_due


def _any_minute(matches: Callable[[datetime], bool], since: datetime, until: datetime, zone: ZoneInfo) -> bool:
    first = since.replace(second=0, microsecond=0) + _MINUTE
    minutes = int((until - first).total_seconds() // 60) + 1
    return any(matches((first + number * _MINUTE).astimezone(zone)) for number in range(min(minutes, _MOST_MINUTES)))


def _cron(minute: str, hour: str, day: str, month: str, weekday: str, year: str) -> Callable[[datetime], bool]:
    """Whether a minute is meant; raises ValueError or KeyError where a field is none."""
    minutes, hours = _field(minute, 0, 59), _field(hour, 0, 23)
    months, years = _field(month, 1, 12, _MONTHS), _field(year, 1970, 2199)
    of_month, of_week = _day_of_month(day), _day_of_week(weekday)

    def matches(moment: datetime) -> bool:
        return (
            moment.minute in minutes
            and moment.hour in hours
            and moment.month in months
            and moment.year in years
            and of_month(moment)
            and of_week(moment)
        )

    return matches


def _field(text: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, names)
            last = _number(end, names) if dash else high if step else first
        if not low <= first <= last <= high:
            raise ValueError(text)
        found.update(range(first, last + 1, int(step) if step else 1))
    return frozenset(found)


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text.upper()] if names and not text.isdigit() else int(text)


def _day_of_month(text: str) -> Callable[[datetime], bool]:
    if text == "L":
        return lambda moment: moment.day == calendar.monthrange(moment.year, moment.month)[1]
    if text.endswith("W"):
        wanted = int(text[:-1])
        return lambda moment: moment.day == _nearest_weekday(moment.year, moment.month, wanted)
    days = _field(text, 1, 31)
    return lambda moment: moment.day in days


def _nearest_weekday(year: int, month: int, day: int) -> int:
    last = calendar.monthrange(year, month)[1]
    day = min(day, last)
    weekday = calendar.weekday(year, month, day)
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day


def _day_of_week(text: str) -> Callable[[datetime], bool]:
    if "#" in text:
        day, _, count = text.partition("#")
        number, which = _number(day, _DAYS), int(count)
        return lambda moment: _weekday(moment) == number and (moment.day - 1) // 7 + 1 == which
    if text.endswith("L") and len(text) > 1:
        number = _number(text[:-1], _DAYS)
        return lambda moment: (
            _weekday(moment) == number and moment.day + 7 > calendar.monthrange(moment.year, moment.month)[1]
        )
    days = _field("SAT" if text == "L" else text, 1, 7, _DAYS)
    return lambda moment: _weekday(moment) in days


def _weekday(moment: datetime) -> int:
    """1 for Sunday to 7 for Saturday, as AWS counts."""
    return moment.isoweekday() % 7 + 1
