"""Events put on a bus, and what they have caused."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.testing.stack import Execution, StackUnderTest

_POLL = 0.05


@dataclass
class Events:
    """Puts events, and waits for the executions that they start."""

    stack: StackUnderTest
    _known: dict[str, set[str]] = field(default_factory=dict)

    def put(
        self, source: str, detail_type: str, detail: Any, bus: str = "default", resources: list[str] | None = None
    ) -> str:
        """Put an event on a bus; return the event's id.

        Args:
            source: ``Source`` of PutEvents, e.g. ``orders``.
            detail_type: ``DetailType``.
            detail: ``Detail``, as a JSON document or as text that holds one.
            bus: logical id or name of the bus.
            resources: ``Resources``, ARNs that the event is about.

        Raises:
            RuntimeError: EventBridge refuses.
        """
        states = self.stack.session.client("stepfunctions")
        for machine in self._machines():
            with contextlib.suppress(states.exceptions.StateMachineTypeNotSupported):  # Express ones are not listed
                self._known[machine] = self._executions(machine)
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": detail if isinstance(detail, str) else json.dumps(detail),
            "EventBusName": self.stack.named(bus),
            "Resources": resources or [],
        }
        answer = self.stack.session.client("events").put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"{answer['Entries'][0]}")
        return str(answer["Entries"][0]["EventId"])

    def caused(self, machine: str, timeout: float = 30) -> Execution:
        """Return the execution of *machine*, a logical id, started since the last :meth:`put`, once it has ended.

        Raises:
            TimeoutError: none was started.
            botocore.exceptions.ClientError: it is an Express one, whose executions Step Functions does not list.
        """
        arn = self.stack[machine].arn
        deadline = time.monotonic() + timeout
        while True:
            new = self._executions(arn) - self._known.get(arn, set())
            if new:
                self._known.setdefault(arn, set()).update(new)
                return self.stack.execution(sorted(new)[0], timeout)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no execution of {machine} was started within {timeout:g} s")
            time.sleep(_POLL)

    def _machines(self) -> list[str]:
        found = (self.stack[name] for name in self.stack)
        return [item.arn for item in found if item.type == "AWS::StepFunctions::StateMachine"]

    def _executions(self, machine: str) -> set[str]:
        states = self.stack.session.client("stepfunctions")
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        return {item["executionArn"] for page in pages for item in page["executions"]}
