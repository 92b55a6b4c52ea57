"""What executions a target has: an index that is asked for pages, and kept up to date by asking for what is new."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from harness.dashboard.images import picture_of
from harness.dashboard.listing import STATUSES, Execution, Listing, Machine, Wanted, row_of
from harness.dashboard.reasons import in_words, reason_of

MOST_EXECUTIONS = 10_000
"""Executions that the index holds of a state machine, the newest."""
PAGE = 50
_EXPRESS = "StateMachineTypeNotSupported"
"""What ListExecutions says of an Express machine: its executions are in its logs alone."""
_LIST_PAGE = 1000
_READ_AT_ONCE = 60


class ExecutionIndex:
    """What executions there are. Safe between threads; asks the target once for all who look.

    Args:
        states: a Step Functions client.
        max_age: seconds for which an answer is good.
        details: whether to ask for the input of each execution that is shown; where calls are counted, better not.
        who: tells as whom an execution was stopped; None where asking for each costs too much.
    """

    def __init__(
        self,
        states: Any,
        max_age: float,
        details: bool = True,
        who: Callable[[str, datetime | None], str] | None = None,
    ) -> None:
        self._states = states
        self._who = who
        self._max_age = max_age
        self._details = details
        self._lock = threading.Lock()
        self._machines: list[Machine] = []
        self._definitions: dict[str, tuple[float, Machine]] = {}
        self._rows: dict[str, OrderedDict[str, Execution]] = {}
        self._older: dict[str, str] = {}
        """By state machine, where the list goes on with executions that are not known yet."""
        self._made: dict[str, datetime] = {}
        """When each state machine was created: another of the same name has other executions."""
        self._reader: threading.Thread | None = None
        self._looked = -1e9
        self.version = 0
        """Grows with each change."""

    def machines(self) -> list[Machine]:
        """All state machines, by name."""
        self.refresh()
        return self._machines

    def listing(self, wanted: Wanted) -> Listing:
        """Return the page of executions that *wanted* asks for, the newest first."""
        self.refresh()
        with self._lock:
            groups = [rows for arn, rows in self._rows.items() if wanted.machine in ("", arn)]
            everything = [row for rows in groups for row in rows.values()]
        if len(groups) > 1:
            everything.sort(key=lambda row: row.started, reverse=True)
        counts = dict.fromkeys(STATUSES, 0)
        for row in everything:
            counts[row.status] = counts.get(row.status, 0) + 1
        now = datetime.now(UTC)
        fitting = wanted.ordered([row for row in everything if wanted.fits(row, now)], now)
        pages = max(1, -(-len(fitting) // PAGE))
        page = min(max(wanted.page, 1), pages)
        return Listing(
            rows=self._whole(fitting[(page - 1) * PAGE : page * PAGE]),
            page=page,
            pages=pages,
            found=len(fitting),
            counts=counts,
            reasons=in_words(row.reason for row in everything if row.reason is not None and row.status != "ABORTED"),
            stops=in_words(row.reason for row in everything if row.reason is not None and row.status == "ABORTED"),
            unread=sum(row.failed and row.reason is None for row in everything),
            errors=sorted({row.reason.error for row in everything if row.reason is not None and row.reason.error}),
            older=bool(self._older),
        )

    def _whole(self, rows: list[Execution]) -> list[Execution]:
        if not self._details:
            return rows
        whole = [row if row.read else self._read(row) for row in rows]
        with self._lock:
            for row in whole:
                self._keep(row)
        return whole

    def newest(self, machine_arn: str) -> Execution | None:
        """Return the newest execution of a state machine."""
        with self._lock:
            return next(iter(self._rows.get(machine_arn, {}).values()), None)

    def refresh(self, now: bool = False) -> int:
        """Ask what is new, unless that was just done; gives :attr:`version`."""
        with self._lock:
            if not now and time.monotonic() - self._looked < self._max_age:
                return self.version
            before = [machine.arn for machine in self._machines]
            self._machines = self._list_machines()
            changed = before != [machine.arn for machine in self._machines]
            for arn in set(self._rows) - {machine.arn for machine in self._machines}:
                del self._rows[arn]
                self._older.pop(arn, None)
            for machine in self._machines:
                changed |= self._refresh(machine.arn)
            self._looked = time.monotonic()
            changed |= self._read_reasons(_READ_AT_ONCE)
            self.version += changed
            if (self._unread() or self._older) and (self._reader is None or not self._reader.is_alive()):
                self._reader = threading.Thread(target=self._read_the_rest, name="executions", daemon=True)
                self._reader.start()
            return self.version

    def stale(self) -> None:
        """Have the next look ask again: something was just started."""
        self._looked = -1e9

    def _list_machines(self) -> list[Machine]:
        pages = self._states.get_paginator("list_state_machines").paginate()
        found = []
        for item in (item for page in pages for item in page["stateMachines"]):
            arn = item["stateMachineArn"]
            if self._made.get(arn, item["creationDate"]) != item["creationDate"]:
                self._rows.pop(arn, None)
                self._older.pop(arn, None)
                self._definitions.pop(arn, None)
            self._made[arn] = item["creationDate"]
            at, machine = self._definitions.get(arn, (-1e9, None))
            if machine is None or time.monotonic() - at > 10 * self._max_age:
                try:
                    definition = self._states.describe_state_machine(stateMachineArn=arn)["definition"]
                except ClientError:
                    continue  # deleted meanwhile
                machine = Machine(arn, item["name"], definition)
                self._definitions[arn] = time.monotonic(), machine
            found.append(machine)
        return sorted(found, key=lambda machine: machine.name)

    def _refresh(self, machine_arn: str) -> bool:
        known = self._rows.get(machine_arn, OrderedDict())
        new: list[Execution] = []
        seen: set[str] = set()
        token: dict[str, str] = {}
        while len(seen) < MOST_EXECUTIONS:
            # The newest come first: a short page tells whether there is anything new.
            most = 100 if known and not token else _LIST_PAGE
            try:
                answer = self._states.list_executions(stateMachineArn=machine_arn, maxResults=most, **token)
            except ClientError as error:
                if error.response["Error"]["Code"] in ("StateMachineDoesNotExist", "InvalidToken", _EXPRESS):
                    break
                raise
            rows = [row_of(item) for item in answer["executions"]]
            seen.update(row.arn for row in rows)
            fresh = [row for row in rows if not _same(known.get(row.arn), row)]
            new.extend(fresh)
            if not answer.get("nextToken") or (known and rows and rows[-1].arn in known):
                break
            if not known:  # the first page is shown at once, what is older follows
                if len(seen) < MOST_EXECUTIONS:
                    self._older[machine_arn] = answer["nextToken"]
                break
            token = {"nextToken": answer["nextToken"]}
        for row in list(known.values()):
            if row.status == "RUNNING" and row.arn not in seen:
                with contextlib.suppress(ClientError):
                    described = row_of(self._states.describe_execution(executionArn=row.arn))
                    if not _same(row, described):
                        new.append(described)
        if not new:
            self._rows.setdefault(machine_arn, known)
            return False
        self._add(machine_arn, new)
        return True

    def _add(self, machine_arn: str, rows: Iterable[Execution]) -> None:
        known = self._rows.get(machine_arn, OrderedDict())
        together = {**known, **{row.arn: row for row in rows}}
        ordered = sorted(together.values(), key=lambda row: row.started, reverse=True)[:MOST_EXECUTIONS]
        self._rows[machine_arn] = OrderedDict((row.arn, row) for row in ordered)

    def _read_older(self, machine_arn: str, token: str) -> None:
        """Read a further page of what was there before anybody looked."""
        try:
            answer = self._states.list_executions(stateMachineArn=machine_arn, maxResults=_LIST_PAGE, nextToken=token)
        except ClientError:
            answer = {"executions": []}  # the state machine is gone, or the token is too old
        with self._lock:
            if self._older.pop(machine_arn, None) != token:
                return  # another machine of the same name has other executions
            known = self._rows.get(machine_arn, OrderedDict())
            self._add(machine_arn, [row for row in map(row_of, answer["executions"]) if row.arn not in known])
            if answer.get("nextToken") and len(self._rows[machine_arn]) < MOST_EXECUTIONS:
                self._older[machine_arn] = answer["nextToken"]
            self.version += 1

    def _unread(self) -> Iterable[Execution]:
        return [row for rows in self._rows.values() for row in rows.values() if row.failed and row.reason is None]

    def _read_reasons(self, most: int) -> bool:
        rows = list(self._unread())[:most]
        for row in rows:
            self._keep(self._read(row))
        return bool(rows)

    def _read_the_rest(self) -> None:
        while True:
            with self._lock:
                older = next(iter(self._older.items()), None)
                rows = [] if older else list(self._unread())[:50]
            if not rows and older is None:
                return
            try:
                if older is not None:
                    self._read_older(*older)
                    continue
                read = [self._read(row) for row in rows]
            except Exception:
                return  # the target is away; the next look begins again
            with self._lock:
                for row in read:
                    self._keep(row)
                self.version += 1

    def _read(self, row: Execution) -> Execution:
        try:
            described = self._states.describe_execution(executionArn=row.arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return replace(row, reason=reason_of("", "", row.status) if row.failed else None, read=True)
        return with_details(row, described, self._who)

    def _keep(self, row: Execution) -> None:
        rows = self._rows.get(row.machine_arn)
        if rows is not None and row.arn in rows and rows[row.arn].status == row.status:
            rows[row.arn] = row


def with_details(
    row: Execution, described: Mapping[str, Any], who: Callable[[str, datetime | None], str] | None = None
) -> Execution:
    """Return the row with what DescribeExecution tells beyond the list: why it failed, the picture its input names.

    Args:
        row: the execution.
        described: DescribeExecution's answer.
        who: tells as whom an execution was stopped.
    """
    reason = None
    if row.failed:
        by = who(row.arn, row.stopped) if who is not None and row.status == "ABORTED" else ""
        reason = reason_of(described.get("error", ""), described.get("cause", ""), row.status, by)
    return replace(row, reason=reason, picture=picture_of(described.get("input", "")), read=True)


def _same(known: Execution | None, row: Execution) -> bool:
    return known is not None and known.status == row.status
