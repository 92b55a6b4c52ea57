"""The list of executions: its rows, which of them are asked for, in which order, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from harness.dashboard.reasons import Reason

STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class Execution:
    """An execution in the list."""

    arn: str
    name: str
    machine_arn: str
    status: str
    started: datetime
    stopped: datetime | None = None
    reason: Reason | None = None
    """Why it failed, once that was read; the list that AWS gives does not tell."""
    picture: tuple[str, str] | None = None
    """Bucket and key of the picture that its input names, once that was read."""
    read: bool = False
    """Whether reason and picture were read."""

    @property
    def machine(self) -> str:
        """Name of its state machine."""
        return self.machine_arn.rpartition(":")[2]

    @property
    def failed(self) -> bool:
        """Return whether it ended otherwise than well."""
        return self.status in ("FAILED", "TIMED_OUT", "ABORTED")

    @property
    def seconds(self) -> float | None:
        """From start to end; None while it runs."""
        return None if self.stopped is None else (self.stopped - self.started).total_seconds()


@dataclass(frozen=True)
class Machine:
    """A state machine."""

    arn: str
    name: str
    definition: str

    @property
    def comment(self) -> str:
        """What its definition says that it does."""
        try:
            return str(json.loads(self.definition).get("Comment", ""))
        except (ValueError, AttributeError):
            return ""


@dataclass(frozen=True)
class Wanted:
    """Which executions a list is to show."""

    status: str = ""
    name: str = ""
    """Part of a name."""
    machine: str = ""
    """A state machine's ARN."""
    error: str = ""
    within: int = 0
    """Minutes before now in which it was started; 0 for any time."""
    sort: str = ""
    """One of :data:`SORTS`, ``-`` before it for the other direction; empty for the newest first."""
    page: int = 1

    @property
    def filters(self) -> bool:
        """Whether it leaves any out."""
        return bool(self.status or self.name or self.machine or self.error or self.within)

    def fits(self, row: Execution, now: datetime) -> bool:
        """Whether an execution is among those that are asked for."""
        return (
            self.status in ("", row.status)
            and self.name.lower() in row.name.lower()
            and (not self.error or (row.reason is not None and row.reason.error == self.error))
            and (not self.within or row.started >= now - timedelta(minutes=self.within))
        )

    def ordered(self, rows: list[Execution], now: datetime) -> list[Execution]:
        """Return the executions, which come with the newest first, in the order that is asked for."""
        key = SORTS.get(self.sort.removeprefix("-"))
        if key is None:
            return rows
        return sorted(rows, key=lambda row: key(row, now), reverse=self.sort.startswith("-"))


SORTS: Mapping[str, Callable[[Execution, datetime], Any]] = {
    "status": lambda row, now: row.status,
    "name": lambda row, now: row.name.lower(),
    "why": lambda row, now: str(row.reason or ""),
    "started": lambda row, now: row.started,
    "took": lambda row, now: ((row.stopped or now) - row.started).total_seconds(),
}
"""By what the list can be sorted."""


@dataclass(frozen=True)
class Listing:
    """A page of the list, and what all that fits comes to."""

    rows: list[Execution]
    page: int
    pages: int
    found: int
    counts: Mapping[str, int]
    """By status, of those of the machine that is asked for, whatever else is filtered."""
    reasons: list[tuple[int, Reason]]
    """Of the same: how many failed why."""
    stops: list[tuple[int, Reason]]
    """Of the same: how many somebody stopped, and why."""
    unread: int
    """Those that failed or were stopped and whose reasons are not known yet."""
    errors: list[str]
    """Names of errors to filter by."""
    older: bool = False
    """Whether older executions are still being read."""


def row_of(item: Mapping[str, Any]) -> Execution:
    """Return an execution as ListExecutions or DescribeExecution tells of it."""
    return Execution(
        item["executionArn"],
        item["name"],
        item["stateMachineArn"],
        item["status"],
        item["startDate"],
        item.get("stopDate"),
    )
