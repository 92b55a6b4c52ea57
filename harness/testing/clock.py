"""The test clock: Step Functions' waits, retries and time-outs without waiting for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from harness.testing.control import ControlApi


@dataclass(frozen=True)
class TestClock:
    """Virtual time of an emulator.

    Each execution's runs as the wall clock does while a task works, and jumps to the end of the next wait (a Wait
    state, a retry's interval) when all of its threads wait. A wait for a task token is not jumped over:
    :meth:`advance` is for that.
    """

    __test__ = False  # no test, whatever its name

    control: ControlApi

    def now(self) -> datetime:
        """Return the time for Step Functions, in UTC."""
        return datetime.fromisoformat(self.control.get("clock")["now"])

    def advance(self, seconds: float) -> None:
        """Move the time on by *seconds*; what is due by then happens.

        Raises:
            ValueError: *seconds* are negative.
        """
        self.control.post("clock", {"advance": seconds})


@contextlib.contextmanager
def virtual_time(control: ControlApi) -> Iterator[TestClock]:
    """Virtual time for as long as the block lasts; then what there was before."""
    was_virtual = control.get("clock")["virtual"]
    control.post("clock", {"virtual": True})
    try:
        yield TestClock(control)
    finally:
        control.post("clock", {"virtual": was_virtual})
