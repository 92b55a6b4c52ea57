"""A processing or transform job: its request, its states, and who waits for its end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ENDED = frozenset({"Completed", "Failed", "Stopped"})
_LONGEST_REASON = 1024


class RunningJob:
    """One job. Its thread moves it on; others read it and wait for its end.

    Args:
        parameters: of the operation that made it.
        name: of the job.
        arn: of the job.
        region: the job's.
    """

    def __init__(self, parameters: Mapping[str, Any], name: str, arn: str, region: str) -> None:
        self.parameters = dict(parameters)
        self.name = name
        self.arn = arn
        self.region = region
        self.status = "InProgress"
        self.failure_reason: str | None = None
        self.exit_message: str | None = None
        self.created = self.modified = datetime.now(UTC)
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self._changed = threading.Condition()

    def start(self) -> None:
        """Note that the instances are there."""
        self.started = self.modified = datetime.now(UTC)

    def stopping(self) -> bool:
        """Ask it to stop; gives False when it has ended already."""
        with self._changed:
            if self.status in ENDED:
                return False
            self.status, self.modified = "Stopping", datetime.now(UTC)
            return True

    def end(self, status: str, reason: str | None = None) -> None:
        """End it, for good."""
        with self._changed:
            self.failure_reason = reason[:_LONGEST_REASON] if reason else None
            self.ended = self.modified = datetime.now(UTC)
            self.status = status
            self._changed.notify_all()

    def await_end(self, timeout: float) -> bool:
        """Wait until it has ended, for *timeout* seconds at most; gives whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self.status in ENDED, timeout)

    def record(self) -> dict[str, Any]:
        """Return it as plain data."""
        with self._changed:
            return {name: value for name, value in vars(self).items() if name != "_changed"}

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> RunningJob:
        """Return the job of which *record* is the record; one that ran when the emulator stopped has failed of it."""
        job = cls(record["parameters"], record["name"], record["arn"], record["region"])
        vars(job).update(record)
        if job.status not in ENDED:
            job.end("Failed", "InternalServerError: the emulator was stopped while the job ran")
        return job
