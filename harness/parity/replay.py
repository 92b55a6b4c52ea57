"""An execution of AWS, run again in plain Python: its definition and input, its tasks answering what AWS's answered.

The driver looks at the events that AWS recorded, in their order, and sends the execution what must have led to each:
a task's answer, the end of a wait, a heartbeat missed, a redrive. Nothing is called and nobody waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from harness.parity.export import RecordedExecution
from harness.states_language.context_object import Identity
from harness.states_language.definition import parse
from harness.states_language.effects import (
    AwaitActivity,
    AwaitJob,
    AwaitToken,
    CallResource,
    Cancel,
    Effect,
    Failure,
    MapRunStarted,
    Reply,
    Result,
    RunMap,
    Scheduled,
    Wait,
)
from harness.states_language.execution import Execution
from harness.states_language.text import Payload, loads

_ENDS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
_SCHEDULED = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")
_SUCCEEDED = ("TaskSucceeded", "LambdaFunctionSucceeded", "ActivitySucceeded", "MapRunSucceeded")
_TIMED_OUT = ("TaskTimedOut", "LambdaFunctionTimedOut", "ActivityTimedOut")
_FAILED: Mapping[str, str] = {
    "TaskFailed": "failed",
    "LambdaFunctionFailed": "failed",
    "ActivityFailed": "failed",
    "MapRunFailed": "failed",
    "TaskStartFailed": "start_failed",
    "LambdaFunctionStartFailed": "start_failed",
    "LambdaFunctionScheduleFailed": "start_failed",
    "ActivityScheduleFailed": "start_failed",
    "TaskSubmitFailed": "submit_failed",
}


def replay(recorded: RecordedExecution) -> list[dict[str, Any]]:
    """Return the history of the replayed execution, as far as AWS's goes; its times are AWS's.

    Raises:
        harness.states_language.diagnostics.InvalidDefinition: the definition is refused.
    """
    return _Replay(recorded).run()


class _Replay:
    def __init__(self, recorded: RecordedExecution) -> None:
        self._recorded = recorded
        self._by_id = {event["id"]: event for event in recorded.events}
        arn = recorded.arn
        identity = Identity(
            execution_arn=arn,
            name=recorded.name,
            role_arn=recorded.role_arn or None,
            machine_arn=recorded.machine_arn,
            machine_name=arn.split(":")[6],
            region=arn.split(":")[3],
        )
        machine = parse(recorded.definition, kind=recorded.kind)
        given = Payload(loads(recorded.input), recorded.input)
        self._execution = Execution(machine, given, 0, identity)
        self._open: list[Effect] = []
        self._scheduled: dict[int, int] = {}
        """By the id of the event that scheduled a task, the effect that awaits its answer."""
        self._seen = 0

    def run(self) -> list[dict[str, Any]]:
        events = self._recorded.events
        self._take(self._execution.start(_time(events[0])))
        for event in events:
            if event["id"] > len(self._execution.events):
                self._lead_to(event)
            if event["id"] > len(self._execution.events):
                break  # what leads to it did not happen here
        made = [event.as_aws() for event in self._execution.events]
        # What an execution did later that still ran when it was exported is not known.
        return made if events[-1]["type"] in _ENDS else made[: len(events)]

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Cancel):
                self._open = [other for other in self._open if other.id != effect.target]
            else:
                self._open.append(effect)
        # A task's effect is handed out with the event that schedules it; both come in one order.
        calls = [effect for effect in effects if isinstance(effect, CallResource | AwaitActivity)]
        made = self._execution.events[self._seen :]
        scheduled = [event.id for event in made if event.type in _SCHEDULED]
        self._scheduled.update(zip(scheduled, (effect.id for effect in calls), strict=False))
        for effect in effects:
            if isinstance(effect, AwaitJob | AwaitToken):
                waiting = next((id_ for id_, call in self._scheduled.items() if call == self._answered), None)
                if waiting is not None:
                    self._scheduled[waiting] = effect.id
        self._seen = len(self._execution.events)

    _answered = -1

    def _resolve(self, effect_id: int, reply: Reply, event: dict[str, Any], stays: bool = False) -> None:
        if not stays:
            self._open = [effect for effect in self._open if effect.id != effect_id]
        self._answered = effect_id
        self._take(self._execution.resolve(effect_id, reply, _time(event)))

    def _lead_to(self, event: dict[str, Any]) -> None:
        kind, details = event["type"], _details(event)
        if kind == "ExecutionRedriven":
            self._take(self._execution.redrive(_time(event)))
        elif kind == "ExecutionAborted":
            self._take(self._execution.stop(details.get("error"), details.get("cause"), _time(event)))
        elif kind in _TIMED_OUT or kind == "ExecutionTimedOut":
            self._end_wait(event, limit=True)
        elif kind in _SUCCEEDED or kind in _FAILED or kind == "TaskSubmitted":
            self._answer(event, self._given(event) if kind == "MapRunSucceeded" else _reply(event))
        elif kind in ("LambdaFunctionStarted", "TaskStarted"):
            pass  # comes of itself
        elif kind == "ActivityStarted":
            effect_id = self._effect_of(event)
            if effect_id is not None:
                self._resolve(effect_id, Scheduled(details.get("workerName")), event, stays=True)
        elif kind == "MapRunStarted":
            effect = next((effect for effect in self._open if isinstance(effect, RunMap)), None)
            if effect is not None:
                self._resolve(effect.id, MapRunStarted(details.get("mapRunArn", "")), event, stays=True)
        else:
            self._end_wait(event, limit=False)

    def _given(self, event: dict[str, Any]) -> Reply:
        """Return what a Map Run came to: its own event does not tell, what the state gave does."""
        after = (each for each in self._recorded.events if each["previousEventId"] == event["id"])
        output = next((_details(each)["output"] for each in after if each["type"] == "MapStateExited"), "null")
        return Result(loads(output), output)

    def _answer(self, event: dict[str, Any], reply: Reply) -> None:
        effect_id = self._effect_of(event)
        if effect_id is None:
            maps = (effect.id for effect in self._open if isinstance(effect, RunMap))
            effect_id = next(maps, None) if event["type"].startswith("MapRun") else None
        if effect_id is not None:
            self._resolve(effect_id, reply, event)

    def _effect_of(self, event: dict[str, Any]) -> int | None:
        """Find the effect that awaits the answer which *event* tells: that of the task that was scheduled before it."""
        before: dict[str, Any] | None = event
        while before is not None and before["id"] not in self._scheduled:
            before = self._by_id.get(before["previousEventId"])
        found = self._scheduled.get(before["id"]) if before is not None else None
        return found if any(effect.id == found for effect in self._open) else None

    def _end_wait(self, event: dict[str, Any], limit: bool) -> None:
        name = self._state_of(event)
        waits = [effect for effect in self._open if isinstance(effect, Wait) and bool(effect.limit) is limit]
        own = [effect for effect in waits if effect.state == name] or (waits if limit else [])
        if own:
            first = min(own, key=lambda effect: effect.until)
            self._open = [effect for effect in self._open if effect.id != first.id]
            self._take(self._execution.resolve(first.id, None, max(first.until, _time(event))))

    def _state_of(self, event: dict[str, Any]) -> str | None:
        """Return the name of the state in which *event* happened."""
        before: dict[str, Any] | None = event
        while before is not None:
            if before["type"].endswith(("StateEntered", "StateExited")):
                return str(_details(before).get("name"))
            before = self._by_id.get(before["previousEventId"])
        return None


def _time(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def _details(event: dict[str, Any]) -> dict[str, Any]:
    return next((value for name, value in event.items() if name.endswith("EventDetails")), {})


def _reply(event: dict[str, Any]) -> Reply:
    details = _details(event)
    if event["type"] in _FAILED:
        return Failure(details.get("error"), details.get("cause"), _FAILED[event["type"]])
    output = details.get("output", "null")
    return Result(loads(output), output)
