"""The clock of executions: the machine's own, or one that jumps over the times when nothing happens.

Virtual time is that of a discrete-event simulation, for each execution by itself, its *timeline*: it runs as the wall
clock does while anything is under way, and when all that is left is to wait, it jumps to the end of the next wait. What
is waited for decides: a Wait state and a retrier's interval end by themselves, so time may jump there (and whatever was
to time out before then does); the answer to a task token does not, so alone it is no reason to jump, and
:meth:`Clock.advance` is there for that.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from heapq import heappop, heappush


class Clock:
    """Time. Starts as the wall clock; safe between threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._begun = time.time() - time.monotonic()  # changes of the machine's time move nothing
        self._virtual = False
        self._offset = 0.0
        self._closed = False
        self._here = threading.local()
        self.moved: Callable[[float], None] = lambda seconds: None
        """Told of every change: by how many seconds all timelines move on."""

    @property
    def virtual(self) -> bool:
        """Whether time jumps."""
        return self._virtual

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._begun + self.monotonic()

    def monotonic(self) -> float:
        """Seconds of a clock that no change of the machine's time moves."""
        return time.monotonic() + self._offset + float(getattr(self._here, "offset", 0.0))

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    @property
    def wall(self) -> tuple[float, float]:
        """Of a timeline that never jumps."""
        return self._begun, 0.0

    def wall_time(self) -> float:
        """Seconds since the epoch, whatever the virtual time."""
        return self._begun + time.monotonic()

    def timeline(self) -> Timeline:
        """Return the time of an execution that begins now."""
        return Timeline(self._begun, self._offset)

    def be_virtual(self, virtual: bool) -> None:
        """Let time jump from now on, or go as the wall clock does; what has jumped stays ahead."""
        with self._condition:
            self._virtual = virtual
            if not virtual:
                self._offset = 0.0
            self._condition.notify_all()
        self.moved(0.0)

    def advance(self, seconds: float) -> None:
        """Move virtual time on, for all executions.

        Raises:
            ValueError: it is the wall clock, or *seconds* are negative.
        """
        with self._condition:
            if not self._virtual:
                raise ValueError("the wall clock cannot be moved: make the clock virtual first")
            if not seconds >= 0:
                raise ValueError(f"time goes forwards: {seconds} seconds")
            self._offset += seconds
            self._condition.notify_all()
        self.moved(seconds)

    def sleep(self, seconds: float) -> None:
        """Have this thread wait; in virtual time it jumps to the end of it, and has a time of its own from then on."""
        with self._condition:
            end = self.monotonic() + seconds
            while (left := end - self.monotonic()) > 0 and not self._closed:
                if self._virtual:
                    self._here.offset = float(getattr(self._here, "offset", 0.0)) + left
                else:
                    self._condition.wait(left)

    def close(self) -> None:
        """Let go who sleeps."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()


class Timer:
    """Something to do at some time.

    Attributes:
        until: when, in seconds since the epoch.
        limit: whether it only limits what else is waited for.
        action: what to do then, given the time; None once it is done or given up.
    """

    __slots__ = ("action", "limit", "timeline", "until")

    def __init__(self, timeline: Timeline, until: float, action: Callable[[float], None], limit: bool) -> None:
        self.timeline = timeline
        self.until = until
        self.limit = limit
        self.action: Callable[[float], None] | None = action

    def cancel(self) -> None:
        """Give it up."""
        if self.action is not None:
            self.action = None
            self.timeline.sleeping -= not self.limit


class Timeline:
    """The time of one execution and those nested in it. For one thread.

    Args:
        begun: what the machine's monotonic clock lacks to seconds since the epoch.
        offset: seconds that it is ahead of the wall clock.
    """

    __slots__ = ("_begun", "_timers", "busy", "due", "offset", "sleeping")
    _numbers = itertools.count()

    def __init__(self, begun: float, offset: float) -> None:
        self._begun = begun
        self.offset = offset
        self.busy = 0
        """Calls that are under way."""
        self.sleeping = 0
        """Timers that are waited for themselves."""
        self.due = float("inf")
        """By the machine's monotonic clock, when the scheduler is to look at it."""
        self._timers: list[tuple[float, int, Timer]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._begun + time.monotonic() + self.offset

    def at(self, until: float, action: Callable[[float], None], limit: bool = False) -> Timer:
        """Set a timer.

        Args:
            until: seconds since the epoch, by this timeline.
            action: given the time when it is carried out.
            limit: a limit that nobody waits for: virtual time does not jump to it.
        """
        timer = Timer(self, until, action, limit)
        self.sleeping += not limit
        heappush(self._timers, (until, next(self._numbers), timer))
        return timer

    def first(self) -> Timer | None:
        """Return the timer that is due first."""
        timers = self._timers
        while timers and timers[0][2].action is None:
            heappop(timers)
        return timers[0][2] if timers else None

    def monotonic_of(self, until: float) -> float:
        """When *until* is, by the machine's monotonic clock."""
        return until - self._begun - self.offset

    def jump(self) -> None:
        """Go to the next timer, if nothing is under way and some timer is waited for itself."""
        if self.busy or not self.sleeping:
            return
        timer = self.first()
        if timer is not None:
            self.offset += max(0.0, timer.until - self.now())
