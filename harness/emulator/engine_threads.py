"""Has moto's Step Functions engine do on one thread what it would do on several, where nothing could tell.

It starts a thread for an execution, one for the program in it, and one for each attempt at a task, and each of them at
once waits for the next: all that the waiting is good for is to give up when a time-out has passed. Where the definition
has none, the thread that would wait does the work itself. (Five threads of an execution of three tasks become one; most
of their cost was handing over between them.)

Two of the engine's modules are given threads and events, by the names that they import, that know of each other.
"""

from __future__ import annotations

import logging
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any

from harness.emulator.stepfunctions.clock import NEVER, Clock, ClockEvent, ClockThread

logger = logging.getLogger(__name__)

_begun = threading.local()
"""The attempt that this thread has begun and not yet waited for."""


def work_on_one_thread(clock: Clock) -> None:
    """Have programs and attempts without a time-out run on the thread that waits for them; *clock* times the others."""
    from moto.stepfunctions.parser.asl.component.program import program
    from moto.stepfunctions.parser.asl.component.state.exec import execute_state

    def in_program(*, target: Callable[..., Any], args: Sequence[Any] = (), daemon: bool = True) -> _Program:
        return _Program(clock, target, args)

    def in_state(*, target: Callable[..., Any], args: Sequence[Any] = (), daemon: bool = True) -> _Attempt:
        return _Attempt(clock, target, args)

    program.threading = types.SimpleNamespace(Thread=in_program)
    execute_state.threading = types.SimpleNamespace(Event=lambda: _AttemptEnded(clock))
    execute_state.Thread = in_state


class _Work:
    """What looks like a thread, and becomes one only where it is waited for until some time."""

    def __init__(self, clock: Clock, target: Callable[..., Any], args: Sequence[Any]) -> None:
        self._clock = clock
        self._target = target
        self._args = args
        self._thread: ClockThread | None = None

    def here(self) -> None:
        """Do it on this thread; a failure ends the work, not the thread, as it would on a thread of its own."""
        try:
            self._target(*self._args)
        except Exception:
            logger.exception("an execution's thread failed")

    def apart(self) -> ClockThread:
        """Do it on a thread of its own."""
        self._thread = self._clock.thread(target=self._target, args=self._args, daemon=True)
        self._thread.start()
        return self._thread

    def is_alive(self) -> bool:
        """Whether it still goes on."""
        return self._thread is not None and self._thread.is_alive()


class _Program(_Work):
    """A state machine's states, which the engine starts, and joins."""

    def start(self) -> None:
        """Nothing yet: how long the work may take is told when it is waited for."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, for *timeout* seconds at most."""
        if timeout is None:
            self.here()
        else:
            self.apart().join(timeout)


class _Attempt(_Work):
    """An attempt at a task, which sets an event at its end."""

    def start(self) -> None:
        """Nothing yet: how long the work may take is told when its event is waited for."""
        _begun.attempt = self


class _AttemptEnded(ClockEvent):
    """The event that ends an attempt. The engine waits for it right after it has started the attempt."""

    def wait(self, timeout: float | None = None, *, sleeping: bool = False, looking: bool = False) -> bool:
        """Wait until it is set, or *timeout* seconds have passed: then False."""
        attempt: _Attempt | None = _begun.__dict__.pop("attempt", None)
        if attempt is not None:
            if timeout is None or timeout >= NEVER:
                attempt.here()
            else:
                attempt.apart()
        return super().wait(timeout, sleeping=sleeping, looking=looking)
