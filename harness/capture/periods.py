"""Ranges of time in periods of one length, for what is told period by period."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_PERIODS = 30
_SPANS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 1209600)
_MONTH = 2629800


@dataclass(frozen=True)
class Periods:
    """A range of time in periods of one length."""

    seconds: int
    start: NDArray[np.datetime64]
    """Beginning of each."""
    number: NDArray[np.int64]
    """The period of each record."""

    @property
    def middle(self) -> NDArray[np.datetime64]:
        """Middle of each."""
        middles: NDArray[np.datetime64] = self.start + np.timedelta64(self.seconds * 500_000, "us")
        return middles

    @property
    def name(self) -> str:
        """Their length, as it follows "by" or "each": ``hour``, ``2 hours``."""
        return duration_name(self.seconds).removeprefix("1 ")

    def count(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the records for which *chosen* is true, by period."""
        return np.bincount(self.number[chosen], minlength=len(self.start))


def periods_of(times: pd.Series, most: int = _PERIODS) -> Periods:
    """Periods that cover *times*, at most so many, each of a length that people use."""
    moments = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    if not len(moments):
        return Periods(1, np.array([], dtype="datetime64[us]"), np.array([], dtype=np.int64))
    span = (moments.max() - moments.min()) / 1e6
    # Periods begin at multiples of their length, so one more may be needed than fit into the span.
    seconds = next((length for length in _SPANS if span / length <= most - 1), 0)
    seconds = seconds or _MONTH * math.ceil(span / _MONTH / (most - 1))
    length = seconds * 1_000_000
    first = moments.min() // length
    number = moments // length - first
    start = (np.arange(number.max() + 1) + first) * length
    return Periods(seconds, start.astype("datetime64[us]"), number)


def duration_name(seconds: float) -> str:
    """Write a length of time in the largest unit that fits."""
    for name, length in (("month", _MONTH), ("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds / length
            return f"{count:g} {name}" if count == 1 else f"{count:g} {name}s"
    return f"{seconds:g} second" if seconds == 1 else f"{seconds:g} seconds"
