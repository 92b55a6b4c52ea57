"""What executions went through, for those who want to know which parts of a state machine a suite exercises."""

from __future__ import annotations

import json
import threading
from typing import Any

CHOSEN = "harness_chosen"
"""Name under which an execution's event manager keeps which rules of Choice states were taken."""


class Traces:
    """Keeps each way through a state machine once, while it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {}

    def ended(self, execution: Any) -> None:
        """Take note of an execution, the engine's own object, that has ended."""
        if not self.on or execution.exec_worker.env is None:
            return
        manager = execution.exec_worker.env.event_manager
        trace = {
            "machine": execution.state_machine.name,
            "definition": execution.state_machine.definition,
            "events": [_brief(event) for event in manager._history_event_list],
            "chosen": manager.__dict__.get(CHOSEN, []),
        }
        with self._lock:
            self._kept.setdefault(json.dumps(trace), trace)

    def kept(self) -> list[dict[str, Any]]:
        """Each way through a machine: ``machine``, ``definition``, ``events`` in brief, ``chosen`` rules."""
        with self._lock:
            return list(self._kept.values())


def _brief(event: dict[str, Any]) -> dict[str, Any]:
    found = (value for name, value in event.items() if name.endswith("EventDetails") and value)
    details: dict[str, Any] = next(found, {})
    return {
        "id": event["id"],
        "previous": event["previousEventId"],
        "type": str(getattr(event["type"], "value", event["type"])),
        "name": details.get("name") if "State" in event["type"] else None,
        "error": details.get("error"),
    }
