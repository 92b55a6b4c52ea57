"""The clock of Step Functions: the machine's own, or one that jumps over the times when nothing happens.

Virtual time is that of a discrete-event simulation, for each execution by itself: its time runs as the wall clock does
while any of its threads works, and when all of them wait, it jumps to the end of the next wait. What is waited for
decides: a Wait state and a retry's interval end by themselves, so time may jump there (and whatever was to time out
before then does); the answer to a task token does not, so alone it is no reason to jump, and :meth:`Clock.advance` is
there for that.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import weakref
from datetime import UTC, datetime
from typing import Any

NEVER = 99_999_999
"""Seconds that stand for "no time-out" in the states language; such a wait has no end that anybody sees."""
_LONGEST = 3600.0
_FEW = 256


class _Timeline:
    """The time of one execution, and its threads."""

    def __init__(self, offset: float) -> None:
        self.offset = offset
        """Seconds that it is ahead of the wall clock."""
        self.running = 0
        """Threads that work."""
        self.sleepers = 0
        """Threads that wait for the time itself."""
        self.timed: set[_Waiter] = set()
        """Threads that wait until some time."""

    def monotonic(self) -> float:
        return time.monotonic() + self.offset


class _Waiter:
    """A thread that waits."""

    def __init__(self, timeline: _Timeline, counted: bool, sleeping: bool, looking: bool) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.timeline = timeline
        self.counted = counted
        self.sleeping = sleeping
        self.looking = looking
        self.end = 0.0
        """When the wait is over, by the timeline."""
        self.done = False
        self.result = False


class Clock:
    """Time, and threads that wait for it. Starts as the wall clock; safe between threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._virtual = False
        self._outside = _Timeline(0.0)
        self._timelines: weakref.WeakSet[_Timeline] = weakref.WeakSet([self._outside])
        self._due: list[tuple[float, int, _Waiter]] = []
        self._number = itertools.count()
        self._hand: threading.Thread | None = None
        self._closed = False

    @property
    def virtual(self) -> bool:
        """Whether time jumps."""
        return self._virtual

    def now(self) -> datetime:
        """The time, in UTC: the execution's, on its threads."""
        return datetime.fromtimestamp(time.time() + self._here().offset, UTC)

    def monotonic(self) -> float:
        """Seconds of a clock that no change of the machine's time moves."""
        return self._here().monotonic()

    def be_virtual(self, virtual: bool) -> None:
        """Let time jump from now on, or go back to the wall clock's; who waits goes on waiting for what is left."""
        with self._condition:
            self._virtual = virtual
            for timeline in list(self._timelines):
                if virtual:
                    self._jump(timeline)
                    continue
                for waiter in timeline.timed:
                    waiter.end -= timeline.offset
                timeline.offset = 0.0

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
            for timeline in list(self._timelines):
                self._move(timeline, seconds)

    def sleep(self, seconds: float) -> None:
        """Wait; virtual time may jump to the end of it."""
        if seconds > 0:
            self.event().wait(seconds, sleeping=True)

    def event(self) -> ClockEvent:
        """A ``threading.Event`` whose waits end by this clock."""
        return ClockEvent(self)

    def thread(self, *args: Any, **kwargs: Any) -> ClockThread:
        """A ``threading.Thread`` of which this clock knows whether it works or waits.

        It has the time of the thread that makes it, or, made outside, begins a time of its own.
        """
        return ClockThread(self, *args, **kwargs)

    def close(self) -> None:
        """End the thread that watches the time; who waits with an end is let go."""
        with self._condition:
            self._closed = True
            for timeline in list(self._timelines):
                for waiter in list(timeline.timed):
                    self._wake(waiter, False)
            self._condition.notify()

    # What events and threads call, with the condition held

    def _here(self) -> _Timeline:
        thread = threading.current_thread()
        return thread.timeline if isinstance(thread, ClockThread) else self._outside

    def _begin(self) -> _Timeline:
        timeline = _Timeline(self._outside.offset)
        self._timelines.add(timeline)
        return timeline

    def _park(self, seconds: float | None, sleeping: bool, looking: bool) -> _Waiter:
        timeline = self._here()
        counted = timeline is not self._outside
        waiter = _Waiter(timeline, counted, sleeping, looking)
        timeline.running -= counted
        timeline.sleepers += sleeping
        if seconds is not None and seconds < NEVER and not self._closed:
            waiter.end = timeline.monotonic() + seconds
            timeline.timed.add(waiter)
            self._schedule(waiter)
        self._jump(timeline)
        return waiter

    def _schedule(self, waiter: _Waiter) -> None:
        """Have the hand wake it when the wall clock gets there."""
        due = waiter.end - waiter.timeline.offset
        if len(self._due) > _FEW and len(self._due) > 4 * sum(len(each.timed) for each in list(self._timelines)):
            self._due = [entry for entry in self._due if not entry[2].done]
            heapq.heapify(self._due)
        heapq.heappush(self._due, (due, next(self._number), waiter))
        if self._hand is None:
            self._hand = threading.Thread(target=self._run, name="clock", daemon=True)
            self._hand.start()
        elif self._due[0][2] is waiter:
            self._condition.notify()

    def _wake(self, waiter: _Waiter, result: bool) -> None:
        if waiter.done:
            return
        waiter.done, waiter.result = True, result
        timeline = waiter.timeline
        timeline.running += waiter.counted  # here, so that time cannot jump before the thread goes on
        timeline.sleepers -= waiter.sleeping
        timeline.timed.discard(waiter)
        waiter.lock.release()

    def _jump(self, timeline: _Timeline) -> None:
        """Jump to the end of the next wait, if all wait and at least one for the time itself."""
        if not self._virtual or timeline is self._outside or timeline.running or not timeline.sleepers:
            return
        ends = [waiter.end for waiter in timeline.timed if not waiter.looking]
        if ends:
            self._move(timeline, max(0.0, min(ends) - timeline.monotonic()))

    def _move(self, timeline: _Timeline, seconds: float) -> None:
        timeline.offset += seconds
        now = timeline.monotonic()
        for waiter in list(timeline.timed):
            if waiter.end <= now:
                self._wake(waiter, False)
            else:
                self._schedule(waiter)

    def _run(self) -> None:
        with self._condition:
            while not self._closed:
                if not self._due:
                    self._condition.wait()
                    continue
                waiter = self._due[0][2]
                left = 0.0 if waiter.done else waiter.end - waiter.timeline.monotonic()
                if left > 0 and self._due[0][0] > time.monotonic():
                    self._condition.wait(min(left, _LONGEST))
                    continue
                heapq.heappop(self._due)
                if left <= 0:
                    self._wake(waiter, False)


class ClockEvent:
    """``threading.Event``, by a :class:`Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flag = False
        self._waiters: list[_Waiter] = []

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._flag

    def set(self) -> None:
        """Set it, and wake all who wait, even if it is cleared at once."""
        clock = self._clock
        with clock._condition:
            self._flag = True
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                clock._wake(waiter, True)

    def clear(self) -> None:
        """Unset it."""
        with self._clock._condition:
            self._flag = False

    def wait(self, timeout: float | None = None, *, sleeping: bool = False, looking: bool = False) -> bool:
        """Wait until it is set, or *timeout* seconds have passed: then False.

        Args:
            timeout: seconds, or None for ever.
            sleeping: this is a wait for the time itself; virtual time may jump to its end.
            looking: nothing of the execution happens at its end, which virtual time may jump over.
        """
        clock = self._clock
        with clock._condition:
            if self._flag:
                return True
            waiter = clock._park(timeout, sleeping, looking)
            self._waiters.append(waiter)
        waiter.lock.acquire()
        with clock._condition:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        return waiter.result


class ClockThread(threading.Thread):
    """A thread of which a :class:`Clock` knows whether it works or waits."""

    def __init__(self, clock: Clock, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock
        self._done = clock.event()
        maker = threading.current_thread()
        with clock._condition:
            self.timeline: _Timeline = maker.timeline if isinstance(maker, ClockThread) else clock._begin()

    def start(self) -> None:
        """Start it; from now on it works."""
        with self._clock._condition:
            self.timeline.running += 1
        try:
            super().start()
        except BaseException:
            self._end()
            raise

    def run(self) -> None:
        """What the thread does."""
        try:
            super().run()
        finally:
            self._done.set()  # first, so that whoever waits for it works before it does no more
            self._end()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, by the clock."""
        self._done.wait(timeout)

    def is_alive(self) -> bool:
        """Whether it still does something."""
        return super().is_alive() and not self._done.is_set()

    def _end(self) -> None:
        clock = self._clock
        with clock._condition:
            self.timeline.running -= 1
            clock._jump(self.timeline)
