"""Which capture records are wanted: a range of time, variants, classes, confidences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Selection:
    """Conditions that a record has to meet, all of them; one that is None or empty is met by every record."""

    since: datetime | None = None
    """Earliest time of inference, with its time zone."""
    until: datetime | None = None
    """Time of inference from which on records are left out."""
    variants: frozenset[str] = frozenset()
    """Production variants, by the name in the files' keys."""
    classes: frozenset[int] = frozenset()
    """Numbers of the likeliest class."""
    min_confidence: float | None = None
    max_confidence: float | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(
                f"no time lies between since {self.since:%Y-%m-%dT%H:%M:%SZ} and until {self.until:%Y-%m-%dT%H:%M:%SZ}"
            )

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether a file of the hours from *start* to *end* can hold a wanted record.

        A file is named by its first record; what was captured a little later may stand in it too, so an hour's files
        are taken to reach into the next hour.
        """
        return (self.until is None or start < self.until) and (
            self.since is None or end + timedelta(hours=1) > self.since
        )


def read_time(text: str, now: datetime | None = None) -> datetime:
    """Read a time as people give it: ``2h`` (so long ago; s, m, h, d, w), or ISO 8601, UTC unless it says otherwise.

    Raises:
        ValueError: it is neither.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: expected one like 2026-01-31T13:00 (UTC), or like 30m, 2h, 7d for so long ago"
        ) from None
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
