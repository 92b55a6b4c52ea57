"""One thread that drives every execution: timers, and answers of what blocks, which runs on a pool."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from heapq import heappop, heappush
from queue import Empty, SimpleQueue
from typing import TypeVar

from harness.emulator.stepfunctions.clock import Clock, Timeline, Timer

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_MOST_THREADS = 512
"""Calls at once: functions that start executions that call functions wait for one another, so there are many."""
_AT_ONCE = 64
"""Actions that are carried out before timers are looked at again."""


class Scheduler:
    """Carries out actions one after the other, on a thread of its own.

    Args:
        clock: by which timers go.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._due: list[tuple[float, int, Timeline]] = []
        self._touched: dict[int, Timeline] = {}
        self._known: dict[int, Timeline] = {}
        """Timelines with timers, by identity."""
        self._number = 0
        self._pool = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="task")
        self._thread = threading.Thread(target=self._run, name="executions", daemon=True)
        self._closed = False
        clock.moved = lambda seconds: self.post(lambda: self._move(seconds))
        self._thread.start()

    def post(self, action: Callable[[], None]) -> None:
        """Have *action* carried out on the scheduler's thread."""
        self._inbox.put(action)

    def ask(self, action: Callable[[], _T]) -> _T:
        """Carry out *action* on the scheduler's thread, and wait for what it gives or raises."""
        if threading.current_thread() is self._thread:
            return action()
        done: Future[_T] = Future()

        def run() -> None:
            try:
                done.set_result(action())
            except BaseException as error:
                done.set_exception(error)

        self.post(run)
        return done.result()

    # For the scheduler's thread

    def at(self, timeline: Timeline, until: float, action: Callable[[float], None], limit: bool = False) -> Timer:
        """Carry out an action at a time.

        Args:
            timeline: by whose time.
            until: seconds since the epoch.
            action: given the time when it is carried out.
            limit: a limit that nobody waits for: virtual time does not jump to it.
        """
        timer = timeline.at(until, action, limit)
        self.touch(timeline)
        return timer

    def touch(self, timeline: Timeline) -> None:
        """Have *timeline* looked at: something began or ended there."""
        self._touched[id(timeline)] = timeline

    def submit(self, timeline: Timeline, job: Callable[[], _T], done: Callable[[_T | BaseException], None]) -> None:
        """Run *job* on the pool, then *done* with its result or error here; time does not jump meanwhile.

        Args:
            timeline: whose time does not jump meanwhile.
            job: what is to be done.
            done: given its result or its error, on the scheduler's thread.
        """
        timeline.busy += 1

        def work() -> None:
            result: _T | BaseException
            try:
                result = job()
            except BaseException as error:
                result = error

            def finish() -> None:
                timeline.busy -= 1
                self.touch(timeline)
                done(result)

            self.post(finish)

        self._pool.submit(work)

    def close(self) -> None:
        """Carry out nothing any more."""
        self._closed = True
        self._inbox.put(None)
        self._thread.join(5)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.clock.moved = lambda seconds: None

    def _run(self) -> None:
        while not self._closed:
            wait = self._due[0][0] - time.monotonic() if self._due else None
            try:
                action = self._inbox.get(timeout=None if wait is None else max(0.0, min(wait, 3600.0)))
                for count in range(1, _AT_ONCE + 1):
                    if action is not None:
                        self._carry_out(action)
                    if count < _AT_ONCE:
                        action = self._inbox.get_nowait()
            except Empty:
                pass
            self._settle()
            self._fire()

    def _carry_out(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            logger.exception("an execution's step failed")

    def _settle(self) -> None:
        """See to it that timelines that something happened on are looked at in time."""
        while self._touched:
            _, timeline = self._touched.popitem()
            if self.clock.virtual:
                timeline.jump()
            timer = timeline.first()
            if timer is None:
                self._known.pop(id(timeline), None)
                timeline.due = float("inf")
                continue
            self._known[id(timeline)] = timeline
            due = timeline.monotonic_of(timer.until)
            if due != timeline.due:
                timeline.due = due
                self._number += 1
                heappush(self._due, (due, self._number, timeline))

    def _fire(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            due, _, timeline = heappop(self._due)
            if due != timeline.due:
                continue
            timeline.due = float("inf")
            self.touch(timeline)
            timer = timeline.first()
            if timer is None or timer.action is None:
                continue
            now = timeline.now()
            if timer.until <= now + 1e-6:
                action = timer.action
                timer.cancel()
                self._carry_out(partial(action, max(now, timer.until)))
            self._settle()

    def _move(self, seconds: float) -> None:
        for timeline in list(self._known.values()):
            timeline.offset += seconds
            self.touch(timeline)
