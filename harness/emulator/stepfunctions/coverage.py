"""What executions went through, for those who want to know which parts of a state machine a suite exercises."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from harness.states_language.machine import Choice

if TYPE_CHECKING:
    from harness.emulator.stepfunctions.run import Run
    from harness.states_language.events import Event


class Traces:
    """Keeps each way through a state machine once, while it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {}

    def ended(self, run: Run) -> None:
        """Take note of an execution that has ended."""
        if not self.on:
            return
        trace = {
            "machine": run.kept.machine.split(":")[6],
            "definition": run.revision.definition,
            "events": [_brief(event) for event in run.execution.events],
            "chosen": _chosen(run),
        }
        with self._lock:
            self._kept.setdefault(json.dumps(trace), trace)

    def kept(self) -> list[dict[str, Any]]:
        """Each way through a machine: ``machine``, ``definition``, ``events`` in brief, ``chosen`` rules."""
        with self._lock:
            return list(self._kept.values())


def _chosen(run: Run) -> list[list[Any]]:
    """Choice states that were left, and the index of the rule by which; None for ``Default``."""
    choices = {state.name for state in run.execution.machine.walk() if isinstance(state, Choice)}
    return [[left.state, left.rule] for left in run.execution.transitions if left.state in choices and not left.failed]


def _brief(event: Event) -> dict[str, Any]:
    details = event.details or {}
    return {
        "id": event.id,
        "previous": event.previous,
        "type": event.type,
        "name": details.get("name") if "State" in event.type else None,
        "error": details.get("error"),
    }
