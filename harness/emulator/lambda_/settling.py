"""Updates that are under way: until somebody has looked, or a moment has passed, further ones are refused as on AWS.

On AWS an update takes seconds, and who does not wait for it (``function_updated_v2``) is refused. Here it takes none,
so that waiters end at once; but a program that does not wait must fail here as well.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from harness.emulator.door.errors import AwsError
from harness.emulator.lambda_.references import Reference
from harness.emulator.lambda_.refusals import conflict

logger = logging.getLogger(__name__)

_REMEMBERED = 100
_MOMENT = 0.5
"""Seconds after which an update is over though nobody has looked."""


_PENDING = "The function is currently in the following state: Pending"


class Settling:
    """Knows which functions are being updated."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changing: set[tuple[str, str]] = set()
        self._updated: dict[tuple[str, str], tuple[float, str]] = {}
        """When functions were made or updated, and why AWS refuses a further update."""
        self._told: deque[float] = deque(maxlen=_REMEMBERED)
        """When functions were made that the log has told of."""

    @contextmanager
    def change(self, reference: Reference) -> Iterator[None]:
        """One change of a function at a time; who comes meanwhile is refused.

        Raises:
            AwsError: ``ResourceConflictException``.
        """
        key = (reference.region, reference.name)
        with self._lock:
            since, reason = self._updated.get(key, (-_MOMENT, ""))
            if key not in self._changing and time.monotonic() - since >= _MOMENT:
                reason = ""
            elif not reason:
                reason = _updating(reference.function_arn)
            if reason:
                raise _at_this_time(reason)
            self._changing.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._changing.discard(key)

    def created(self, reference: Reference) -> None:
        """Take note that a function was made just now."""
        self._began(reference, _PENDING)

    def updated(self, reference: Reference) -> None:
        """Take note that a function was updated just now."""
        self._began(reference, _updating(reference.function_arn))

    def _began(self, reference: Reference, reason: str) -> None:
        with self._lock:
            self._updated[reference.region, reference.name] = (time.monotonic(), reason)

    def refuse_pending(self, region: str, name: str, refuses: bool) -> None:
        """Refuse to invoke a function that is still being made, or tell; one that is updated runs as it was.

        Args:
            region: of the function.
            name: its own.
            refuses: whether to, or to tell only.

        Raises:
            AwsError: ``ResourceConflictException``.
        """
        if (region, name) not in self._updated:  # without the lock, as every invocation asks
            return
        with self._lock:
            since, reason = self._updated.get((region, name), (-_MOMENT, ""))
        if reason == _PENDING and time.monotonic() - since < _MOMENT:
            if refuses:
                raise _at_this_time(reason)
            if since not in self._told:
                self._told.append(since)
                logger.warning(
                    "function %s is invoked right after it was made: AWS refuses that, ResourceConflictException, "
                    "until it is Active. Wait for function_active_v2; HARNESS_PENDING=refuse refuses it here as well",
                    name,
                )

    def seen(self, region: str, name: str) -> None:
        """Somebody has looked at a function, and seen that its update is done."""
        with self._lock:
            self._updated.pop((region, name), None)


def _at_this_time(reason: str) -> AwsError:
    return conflict(f"The operation cannot be performed at this time. {reason}")


def _updating(arn: str) -> str:
    return f"An update is in progress for resource: {arn}"
