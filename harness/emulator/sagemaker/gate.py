"""Requests under way, counted."""

from __future__ import annotations

import threading


class Gate:
    """Counts requests under way, so that what serves them is closed only when none is left."""

    def __init__(self) -> None:
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def enter(self) -> bool:
        """Let one request in; False once the gate is closed."""
        with self._changed:
            if not self._closed:
                self._count += 1
            return not self._closed

    def leave(self) -> None:
        """One request is over."""
        with self._changed:
            self._count -= 1
            if not self._count:
                self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Let nobody in any more, and wait until all are out, for *timeout* seconds at most."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._count, timeout)
