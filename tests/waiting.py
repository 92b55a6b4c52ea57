"""Waiting for what another thread or process does, to a bound: a test may fail, it may not hang."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(find: Callable[[], Found], seconds: float = 30, every: float = 0.02) -> Found:
    """Return what *find* finds as soon as it is true; fail once *seconds* are over."""
    end = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < end, f"it did not happen within {seconds} s; found last: {found!r}"
        time.sleep(every)
    return found
