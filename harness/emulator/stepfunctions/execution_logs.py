"""Logs of executions in CloudWatch Logs, in AWS's form.

https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.emulator.logs.writer import LogWriter
from harness.states_language.events import Event

DATA = (
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "assignedVariables",
    "assignedVariablesDetails",
)
"""Members of an event's details that are left out where execution data is not asked for."""
_FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
_DELIVERY_STREAM = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"
_DELIVERY_MESSAGE = (
    "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs while creating a subscription."
)
_WRONG = ("Failed", "TimedOut", "Aborted")


class ExecutionLogs:
    """Where state machines log.

    Args:
        writer: puts events to CloudWatch Logs.
    """

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self._streams: dict[tuple[str, str], str] = {}

    def of(self, region: str, machine: str, arn: str, configuration: Mapping[str, Any]) -> ExecutionLog | None:
        """Return the log of an execution, None where it has none.

        Args:
            region: of the execution.
            machine: ARN of the state machine.
            arn: of the execution.
            configuration: ``loggingConfiguration`` of the state machine.
        """
        log = ExecutionLog(self._writer, region, arn, configuration, lambda group: self._stream(machine, group))
        return log if log.on else None

    def delivered(self, region: str, configuration: Mapping[str, Any]) -> None:
        """Leave behind what AWS does when it sets up the delivery of logs."""
        log = ExecutionLog(self._writer, region, "", configuration, lambda group: _DELIVERY_STREAM)
        log.put(_DELIVERY_MESSAGE)

    def _stream(self, machine: str, group: str) -> str:
        """One for all executions of a state machine."""
        found = self._streams.get((machine, group))
        if found is None:
            minute = time.strftime("%Y-%m-%d-%H-%M", time.gmtime())
            found = f"states/{machine.split(':')[6]}/{minute}/{uuid.uuid4().hex[:8]}"
            self._streams[machine, group] = found
        return found


class ExecutionLog:
    """Writes the events of one execution.

    Args:
        writer: puts them to CloudWatch Logs.
        region: of the execution.
        arn: of the execution.
        configuration: ``loggingConfiguration`` of the state machine.
        stream: gives the log stream in a log group.
    """

    def __init__(
        self,
        writer: LogWriter,
        region: str,
        arn: str,
        configuration: Mapping[str, Any],
        stream: Callable[[str], str],
    ) -> None:
        self._writer = writer
        self._arn = arn
        self._level = configuration.get("level", "OFF")
        self._with_data = bool(configuration.get("includeExecutionData"))
        self._region = region
        destinations = configuration.get("destinations") or ()
        self._group = ""
        if destinations:
            parts = destinations[0]["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")
            self._region, self._group = parts[3] or region, parts[6]
        self._stream = stream(self._group)

    @property
    def on(self) -> bool:
        """Whether anything is logged."""
        return bool(self._group) and self._level != "OFF"

    def add(self, events: Sequence[Event], redrives: int) -> None:
        """Log *events*, those of them that the level asks for."""
        for event in events:
            if self._is_logged(event.type):
                self.put(json.dumps(self._shown(event, redrives)))

    def put(self, message: str) -> None:
        """Write one message."""
        if self.on:
            self._writer.put(self._region, self._group, self._stream, message)

    def _is_logged(self, kind: str) -> bool:
        if self._level == "ALL":
            return True
        if self._level == "ERROR":
            return kind.endswith(_WRONG) or kind == "FailStateEntered"
        return kind in _FATAL

    def _shown(self, event: Event, redrives: int) -> dict[str, Any]:
        details = dict(event.details or {})
        if not self._with_data:
            for member in DATA:
                details.pop(member, None)
        return {
            "id": str(event.id),
            "type": event.type,
            "details": details,
            "previous_event_id": str(event.previous),
            "event_timestamp": str(round(event.timestamp * 1000)),
            "execution_arn": self._arn,
            "redrive_count": str(redrives),
        }
