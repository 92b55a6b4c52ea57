"""Executions whole: what they were given, did and gave, read once for all who look."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from harness.dashboard.definition import fails_of
from harness.dashboard.history import steps_of
from harness.dashboard.index import with_details
from harness.dashboard.listing import Execution, row_of
from harness.dashboard.steps import Step, states_of

_VIEWS = 32


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
        """Return the step that the event *number* entered."""
        return next((step for step in self.steps if step.number == number), None)


class ExecutionViews:
    """Executions whole, read from the target once for all who look; of one that goes on, only what is new.

    Args:
        states: a Step Functions client.
        max_age: seconds for which what was read of a running execution is good.
        who: tells as whom an execution was stopped.
    """

    def __init__(self, states: Any, max_age: float, who: Callable[[str, datetime | None], str] | None = None) -> None:
        self._states = states
        self._who = who
        self._max_age = max_age
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def get(self, arn: str, now: bool = False) -> ExecutionView:
        """Return the execution as it is, *now* or some moments ago.

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
        row = with_details(row_of(described), described, self._who)
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
