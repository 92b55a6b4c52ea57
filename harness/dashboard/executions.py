"""The executions of a target: an index that is asked for pages, and kept up to date by asking for what is new."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from harness.dashboard.definition import fails_of
from harness.dashboard.history import steps_of
from harness.dashboard.images import picture_of
from harness.dashboard.reasons import Reason, in_words, reason_of
from harness.dashboard.steps import Step, states_of

MOST_EXECUTIONS = 10_000
"""Executions that the index holds of a state machine, the newest."""
PAGE = 50
STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
_EXPRESS = "StateMachineTypeNotSupported"
"""What ListExecutions says of an Express machine: its executions are in its logs alone."""
_LIST_PAGE = 1000
_READ_AT_ONCE = 60
"""Failures whose reasons are read before an answer; the rest follows in the background."""
_VIEWS = 32


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
        """The executions, which come with the newest first, in the order that is asked for."""
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
    unread: int
    """Failures whose reasons are not known yet."""
    errors: list[str]
    """Names of errors to filter by."""
    older: bool = False
    """Whether older executions are still being read."""


class ExecutionIndex:
    """What executions there are. Safe between threads; asks the target once for all who look.

    Args:
        states: a Step Functions client.
        max_age: seconds for which an answer is good.
        details: whether to ask for the input of each execution that is shown; where calls are counted, better not.
    """

    def __init__(self, states: Any, max_age: float, details: bool = True) -> None:
        self._states = states
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
        """The page of executions that *wanted* asks for, the newest first."""
        self.refresh()
        with self._lock:
            groups = [rows for arn, rows in self._rows.items() if wanted.machine in ("", arn)]
            everything = [row for rows in groups for row in rows.values()]
        if len(groups) > 1:
            everything.sort(key=lambda row: row.started, reverse=True)
        counts = dict.fromkeys(STATUSES, 0)
        for row in everything:
            counts[row.status] = counts.get(row.status, 0) + 1
        reasons = [row.reason for row in everything if row.reason is not None]
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
            reasons=in_words(reasons),
            unread=sum(row.failed and row.reason is None for row in everything),
            errors=sorted({reason.error for reason in reasons if reason.error}),
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
        """The newest execution of a state machine."""
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
        return _with_details(row, described)

    def _keep(self, row: Execution) -> None:
        rows = self._rows.get(row.machine_arn)
        if rows is not None and row.arn in rows and rows[row.arn].status == row.status:
            rows[row.arn] = row


def _with_details(row: Execution, described: Mapping[str, Any]) -> Execution:
    reason = None
    if row.failed:
        reason = reason_of(described.get("error", ""), described.get("cause", ""), row.status)
    return replace(row, reason=reason, picture=picture_of(described.get("input", "")), read=True)


@dataclass(frozen=True)
class ExecutionView:
    """An execution, whole."""

    row: Execution
    input: str
    output: str
    error: str
    cause: str
    definition: str
    steps: list[Step]
    version: int
    """How many events it has, and one more once it has ended: grows with each change."""
    redrivable: bool = False
    redrives: int = 0
    map_run: str = ""
    """ARN of the Map Run that it is a child of."""

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        """By state, what became of it."""
        return states_of(self.steps)

    @property
    def started_by(self) -> str:
        """ARN of the execution that started it, where its input says so as AWS advises; else empty.

        https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
        """
        try:
            given = json.loads(self.input)
            return str(given.get("AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID") or "")
        except (ValueError, AttributeError):
            return ""

    def step(self, number: int) -> Step | None:
        """The step that the event *number* entered."""
        return next((step for step in self.steps if step.number == number), None)


class ExecutionViews:
    """Executions whole, read from the target once for all who look; of one that goes on, only what is new.

    Args:
        states: a Step Functions client.
        max_age: seconds for which what was read of a running execution is good.
    """

    def __init__(self, states: Any, max_age: float) -> None:
        self._states = states
        self._max_age = max_age
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def get(self, arn: str, now: bool = False) -> ExecutionView:
        """The execution as it is, *now* or some moments ago.

        Raises:
            botocore.exceptions.ClientError: there is no such execution.
        """
        with self._lock:
            kept = self._kept.setdefault(arn, _Kept())
            self._kept.move_to_end(arn)
            while len(self._kept) > _VIEWS:
                self._kept.popitem(last=False)
        with kept.lock:
            fresh = time.monotonic() - kept.read < self._max_age
            if kept.view is not None and (self._is_over(kept.view) or (fresh and not now)):
                return kept.view
            try:
                self._read(arn, kept)
            except Exception:
                if kept.view is None:
                    with self._lock:
                        self._kept.pop(arn, None)
                raise
            assert kept.view is not None
            return kept.view

    def forget(self, arn: str) -> None:
        """Read the execution anew when it is next asked for: it was just changed."""
        with self._lock:
            self._kept.pop(arn, None)

    @staticmethod
    def _is_over(view: ExecutionView) -> bool:
        """Whether nothing more can come: what can be redriven may go on."""
        return view.row.status != "RUNNING" and not view.redrivable

    def _read(self, arn: str, kept: _Kept) -> None:
        # The description first: once that says it has ended, the history is whole.
        described = self._states.describe_execution(executionArn=arn)
        if kept.view is not None and described["status"] == kept.view.row.status != "RUNNING":
            kept.read = time.monotonic()
            if int(described.get("redriveCount", 0)) == kept.view.redrives:
                return  # it could have been redriven, and was not
        last = kept.events[-1]["id"] if kept.events else 0
        new: list[dict[str, Any]] = []
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=arn, includeExecutionData=True, reverseOrder=True, PaginationConfig={"PageSize": 100}
        )
        for page in pages:
            new.extend(event for event in page["events"] if event["id"] > last)
            if not page["events"] or page["events"][-1]["id"] <= last + 1:
                break
        kept.events.extend(sorted({event["id"]: event for event in new}.values(), key=lambda event: int(event["id"])))
        if kept.definition is None:
            try:
                answer = self._states.describe_state_machine_for_execution(executionArn=arn)
                kept.definition = str(answer["definition"])
            except ClientError:  # the state machine is gone
                kept.definition = ""
        row = _with_details(row_of(described), described)
        kept.view = ExecutionView(
            row=row,
            input=described.get("input", ""),
            output=described.get("output", ""),
            error=described.get("error", ""),
            cause=described.get("cause", ""),
            definition=kept.definition,
            steps=steps_of(kept.events, fails_of(kept.definition)),
            version=len(kept.events) + (row.status != "RUNNING"),
            redrivable=described.get("redriveStatus") == "REDRIVABLE",
            redrives=int(described.get("redriveCount", 0)),
            map_run=described.get("mapRunArn", ""),
        )
        kept.read = time.monotonic()
        if self._is_over(kept.view):
            kept.events = []  # nothing more comes


class _Kept:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.events: list[dict[str, Any]] = []
        self.definition: str | None = None
        self.view: ExecutionView | None = None
        self.read = -1e9


def row_of(item: Mapping[str, Any]) -> Execution:
    """An execution as ListExecutions or DescribeExecution tells of it."""
    return Execution(
        item["executionArn"],
        item["name"],
        item["stateMachineArn"],
        item["status"],
        item["startDate"],
        item.get("stopDate"),
    )


def _same(known: Execution | None, row: Execution) -> bool:
    return known is not None and known.status == row.status
