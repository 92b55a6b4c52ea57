"""Updates that are under way: until somebody has looked, or a moment has passed, further ones are refused as on AWS.

On AWS an update takes seconds, and who does not wait for it (``function_updated_v2``) is refused. Here it takes none,
so that waiters end at once; but a program that does not wait must fail here as well.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.emulator.lambda_.references import Reference
from harness.emulator.lambda_.refusals import conflict

_MOMENT = 0.5
"""Seconds after which an update is over though nobody has looked."""


class Settling:
    """Knows which functions are being updated."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changing: set[tuple[str, str]] = set()
        self._updated: dict[tuple[str, str], float] = {}

    @contextmanager
    def change(self, reference: Reference) -> Iterator[None]:
        """One change of a function at a time; who comes meanwhile is refused.

        Raises:
            AwsError: ``ResourceConflictException``.
        """
        key = (reference.region, reference.name)
        with self._lock:
            if key in self._changing or self._is_updated(key):
                raise conflict(
                    "The operation cannot be performed at this time. An update is in progress for resource: "
                    f"{reference.function_arn}"
                )
            self._changing.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._changing.discard(key)

    def updated(self, region: str, name: str) -> None:
        """A function was updated just now."""
        with self._lock:
            self._updated[region, name] = time.monotonic()

    def seen(self, region: str, name: str) -> None:
        """Somebody has looked at a function, and seen that its update is done."""
        with self._lock:
            self._updated.pop((region, name), None)

    def _is_updated(self, key: tuple[str, str]) -> bool:
        return time.monotonic() - self._updated.get(key, -_MOMENT) < _MOMENT
