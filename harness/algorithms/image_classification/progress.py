"""Speed and remaining time of a training job, for the log."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

SPEED_EVERY = 20
"""Steps between two of AWS's speed lines."""
_NEWS_EVERY = 10.0


@dataclass
class Progress:
    """Counts a job's steps against the clock.

    Attributes:
        total: steps of the whole job.
    """

    total: int
    _done: int = 0
    _start: float = field(default_factory=time.monotonic)
    _news: float = field(default_factory=time.monotonic)
    _interval: tuple[float, int] = field(default_factory=lambda: (time.monotonic(), 0))

    def step(self) -> None:
        """Count a step that is done."""
        self._done += 1

    def remaining(self) -> str:
        """Return the time that is left at the pace so far, ``1:02:03``, and the share that is done."""
        elapsed = time.monotonic() - self._start
        left = elapsed / max(1, self._done) * (self.total - self._done)
        return f"{timedelta(seconds=round(left))} ({self._done / self.total:.0%} done)"

    def is_due(self) -> bool:
        """Whether some seconds have passed since a line last told of progress."""
        now = time.monotonic()
        if now - self._news < _NEWS_EVERY:
            return False
        self._news = now
        return True

    def told(self) -> None:
        """Take it that a line has told of progress."""
        self._news = time.monotonic()

    def speed(self, batch: int) -> float:
        """Images a second since this was last asked."""
        now = time.monotonic()
        then, done = self._interval
        self._interval = (now, self._done)
        return (self._done - done) * batch / max(now - then, 1e-9)
