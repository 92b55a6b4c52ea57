"""The clock of Step Functions: the machine's own, or one that jumps over the times when everybody waits.

Virtual time is that of a discrete-event simulation: it runs as the wall clock does while any thread of an execution
works, and when all of them wait, it jumps to the end of the next wait. What is waited for decides: a Wait state and a
retry's interval end by themselves, so time may jump there (and whatever was to time out before then does); the answer
to a task token does not, so alone it is no reason to jump, and :meth:`Clock.advance` is there for that.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from datetime import UTC, datetime
from typing import Any

_NEVER = 99_999_999
"""Seconds that stand for "no time-out" in the states language; such a wait has no end that anybody sees."""
_LONGEST = 3600.0
_FEW = 256


class Clock:
    """Time, and threads that wait for it. Starts as the wall clock; safe between threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._offset = 0.0
        self._virtual = False
        self._running = 0
        self._waiters: list[tuple[float, int, _Waiter]] = []
        self._ended = 0
        self._sleepers = 0
        self._number = itertools.count()
        self._hand: threading.Thread | None = None
        self._closed = False

    @property
    def virtual(self) -> bool:
        """Whether time jumps."""
        return self._virtual

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(time.time() + self._offset, UTC)

    def monotonic(self) -> float:
        """Seconds of a clock that no change of the machine's time moves."""
        return time.monotonic() + self._offset

    def be_virtual(self, virtual: bool) -> None:
        """Let time jump from now on, or go back to the wall clock's; who waits goes on waiting for what is left."""
        with self._condition:
            self._virtual = virtual
            if not virtual:
                self._waiters = [(end - self._offset, number, waiter) for end, number, waiter in self._waiters]
                self._offset = 0.0
            self._condition.notify()

    def advance(self, seconds: float) -> None:
        """Move virtual time on.

        Raises:
            ValueError: it is the wall clock, or *seconds* are negative.
        """
        with self._condition:
            if not self._virtual:
                raise ValueError("the wall clock cannot be moved: make the clock virtual first")
            if not seconds >= 0:
                raise ValueError(f"time goes forwards: {seconds} seconds")
            self._offset += seconds
            self._condition.notify()

    def sleep(self, seconds: float) -> None:
        """Wait; virtual time may jump to the end of it."""
        if seconds > 0:
            self.event().wait(seconds, sleeping=True)

    def event(self) -> ClockEvent:
        """A ``threading.Event`` whose waits end by this clock."""
        return ClockEvent(self)

    def thread(self, *args: Any, **kwargs: Any) -> ClockThread:
        """A ``threading.Thread`` of which this clock knows whether it works or waits."""
        return ClockThread(self, *args, **kwargs)

    def close(self) -> None:
        """End the thread that watches the time; who waits with an end is let go."""
        with self._condition:
            self._closed = True
            for _, _, waiter in self._waiters:
                self._wake(waiter, False)
            self._condition.notify()

    # What events and threads call, with the condition held

    def _park(self, seconds: float | None, sleeping: bool) -> _Waiter:
        waiter = _Waiter(isinstance(threading.current_thread(), ClockThread), sleeping)
        if waiter.counted:
            self._running -= 1
        self._sleepers += sleeping
        if seconds is not None and seconds < _NEVER and not self._closed:
            end = self.monotonic() + seconds
            heapq.heappush(self._waiters, (end, next(self._number), waiter))
            waiter.timed = True
            if self._hand is None:
                self._hand = threading.Thread(target=self._run, name="clock", daemon=True)
                self._hand.start()
        if self._virtual or self._is_next(waiter):
            self._condition.notify()
        return waiter

    def _is_next(self, waiter: _Waiter) -> bool:
        return bool(self._waiters) and self._waiters[0][2] is waiter

    def _wake(self, waiter: _Waiter, result: bool) -> None:
        if waiter.done:
            return
        waiter.done, waiter.result = True, result
        self._running += waiter.counted  # here, so that time cannot jump before the thread goes on
        self._sleepers -= waiter.sleeping
        self._ended += waiter.timed
        waiter.lock.release()

    def _run(self) -> None:
        with self._condition:
            while not self._closed:
                self._forget_ended()
                if not self._waiters:
                    self._condition.wait()
                    continue
                left = self._waiters[0][0] - self.monotonic()
                if left > 0 and self._virtual and self._running == 0 and self._sleepers:
                    self._offset += left
                    left = 0.0
                if left > 0:
                    self._condition.wait(min(left, _LONGEST))
                    continue
                waiter = heapq.heappop(self._waiters)[2]
                if not waiter.done:
                    waiter.timed = False
                    self._wake(waiter, False)

    def _forget_ended(self) -> None:
        while self._waiters and self._waiters[0][2].done:
            heapq.heappop(self._waiters)
            self._ended -= 1
        if self._ended > _FEW and self._ended > len(self._waiters) // 2:
            self._waiters = [entry for entry in self._waiters if not entry[2].done]
            heapq.heapify(self._waiters)
            self._ended = 0


class _Waiter:
    """A thread that waits."""

    def __init__(self, counted: bool, sleeping: bool) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.counted = counted
        self.sleeping = sleeping
        self.timed = False
        self.done = False
        self.result = False


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

    def wait(self, timeout: float | None = None, *, sleeping: bool = False) -> bool:
        """Wait until it is set, or *timeout* seconds have passed: then False.

        Args:
            timeout: seconds, or None for ever.
            sleeping: this is a wait for the time itself; virtual time may jump to its end.
        """
        clock = self._clock
        with clock._condition:
            if self._flag:
                return True
            waiter = clock._park(timeout, sleeping)
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

    def start(self) -> None:
        """Start it; from now on it works."""
        with self._clock._condition:
            self._clock._running += 1
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
            clock._running -= 1
            if clock._virtual:
                clock._condition.notify()
