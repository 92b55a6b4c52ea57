"""Task states: a call, what has to come before it counts as done, its time-outs, and the events that tell of them."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.states_language import events as event
from harness.states_language.effects import (
    AwaitActivity,
    AwaitJob,
    AwaitToken,
    CallResource,
    Effect,
    Failure,
    Heartbeat,
    Json,
    Reply,
    Result,
    Scheduled,
    Wait,
)
from harness.states_language.errors import EvaluationError
from harness.states_language.machine import Task
from harness.states_language.run import Run, too_large
from harness.states_language.strands import TURN, StateFailed
from harness.states_language.text import MAX_PAYLOAD, Payload, dumps, size

_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:.+")
_ACTIVITY = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:activity:.+")
_SERVICE = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:(?P<type>aws-sdk:[^:]+|[^:]+):(?P<resource>.+)")

_TIMED_OUT = "States.Timeout"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a resource's events are called, and what they all say.

    Attributes:
        prefix: of its events: ``Task``, ``LambdaFunction``, ``Activity``.
        about: members that all its events have.
        subject: what is named as too large.
    """

    prefix: str
    about: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""


def kind_of(resource: str) -> Kind:
    """Return the kind of a task's resource."""
    if _FUNCTION.fullmatch(resource):
        return Kind("LambdaFunction", subject=resource)
    if _ACTIVITY.fullmatch(resource):
        return Kind("Activity", subject=resource)
    match = _SERVICE.fullmatch(resource)
    if match is None:
        return Kind("Task", {"resourceType": "", "resource": resource}, resource)
    about = {"resourceType": match["type"], "resource": match["resource"]}
    return Kind("Task", about, match["type"])


def run_task(run: Run) -> Generator[object, Any, Payload]:
    """Run a Task state once, and return its output."""
    state = run.state
    assert isinstance(state, Task)
    kind = kind_of(state.resource)
    token = None
    if kind.prefix == "Activity" or _WAITS.search(state.resource):
        given = run.context.get("Task") or {}  # by TestState's context
        token = given.get("Token") or run.execution.token()
        run.context = {**run.context, "Task": {"Token": token}}
    arguments = run.take()
    text = run.effective.text if state.parameters is None else dumps(arguments)
    timeout, heartbeat = run.limit(state.timeout), run.limit(state.heartbeat)
    credentials = None if state.credentials is None else run.value(state.credentials, run.effective.value)
    refused = run.execution.refusal(state.resource, arguments)
    if refused is not None:
        raise EvaluationError("States.Runtime", refused)
    call = _Call(run, kind, timeout, heartbeat)
    run.tell(f"{kind.prefix}Scheduled", call.scheduled(state.resource, text, credentials))
    if kind.prefix != "Activity":
        yield TURN
        run.tell(f"{kind.prefix}Started", kind.about or None)
    call.begin()
    where: dict[str, Any] = {"id": 0, "state": state.name, "path": run.strand.path}
    try:
        result = yield from _result(call, where, state.resource, arguments, text, token, credentials)
    finally:
        call.close()
    payload = Payload(result.value, result.text)
    if size(payload.text) > MAX_PAYLOAD:
        error, cause = "States.DataLimitExceeded", too_large(kind.subject)
        run.tell(f"{kind.prefix}Failed", event.failure(error, cause, **kind.about))
        raise StateFailed(error, cause)
    run.note("result", payload.text)
    run.tell(f"{kind.prefix}Succeeded", {**event.gave(payload.text), **kind.about})
    return run.give(payload)


def _result(
    call: _Call,
    where: dict[str, Any],
    resource: str,
    arguments: Json,
    text: str,
    token: str | None,
    credentials: Mapping[str, Json] | None,
) -> Generator[object, Any, Result]:
    run, kind = call.run, call.kind
    if kind.prefix == "Activity":
        assert token is not None
        return (yield from call.wait(AwaitActivity(**where, activity=resource, input=text, token=token)))
    effect = CallResource(
        **where,
        resource=resource,
        arguments=arguments,
        credentials=credentials,
        attempt=run.retries,
        timeout=call.timeout,
        token=token,
        context=run.context,
    )
    result = yield from call.wait(effect)
    if token is None:
        return result
    later: Effect = AwaitToken(**where, token=token)
    if not resource.endswith(".waitForTaskToken"):
        later = AwaitJob(**where, resource=resource, arguments=arguments, submitted=result.value, token=token)
    submitted = result.text if result.text is not None else dumps(result.value)
    run.tell(f"{kind.prefix}Submitted", {**event.gave(submitted), **kind.about})
    if isinstance(later, AwaitToken):
        call.beat()
    return (yield from call.wait(later))


class _Call:
    """A task that is under way, with its timers."""

    def __init__(self, run: Run, kind: Kind, timeout: float | None, heartbeat: float | None) -> None:
        self.run = run
        self.kind = kind
        self.timeout = timeout
        self.heartbeat = heartbeat
        self._deadline: int | None = None
        self._beat: int | None = None
        self._waiting: int | None = None

    def scheduled(self, resource: str, text: str, credentials: Mapping[str, Json] | None) -> dict[str, Any]:
        """Return the details of the event that tells that the task is scheduled (``TaskScheduled`` and its like).

        Args:
            resource: the state's ``Resource``; shown for activities and functions, as other tasks name service and
                action.
            text: the arguments, as JSON.
            credentials: the task's ``Credentials``, of which ``RoleArn`` is told.
        """
        if self.kind.prefix == "Task":
            details = {"parameters": text, "region": self.run.execution.identity.region, **self.kind.about}
        else:
            details = {**event.given(text), "resource": resource}
        if self.timeout is not None:
            details["timeoutInSeconds"] = int(self.timeout)
        if self.heartbeat is not None and self.kind.prefix != "LambdaFunction":
            details["heartbeatInSeconds"] = int(self.heartbeat)
        if credentials and self.kind.prefix != "Activity":
            details["taskCredentials"] = {"roleArn": credentials.get("RoleArn")}
        return details

    def begin(self) -> None:
        """Start the time-out's timer."""
        if self.timeout is not None:
            self._deadline = self._timer(self.timeout)
        if self.kind.prefix == "Activity":
            self.beat()

    def beat(self) -> None:
        """Start the heartbeat's timer, or start it anew."""
        if self._beat is not None:
            self.run.execution.cancel(self.run.strand, self._beat)
        self._beat = None if self.heartbeat is None else self._timer(self.heartbeat)

    def close(self) -> None:
        """Give up what is still waited for."""
        for effect in (self._waiting, self._deadline, self._beat):
            if effect is not None:
                self.run.execution.cancel(self.run.strand, effect)

    def wait(self, effect: Effect) -> Generator[object, Any, Result]:
        """Hand out *effect* and wait for its end; raises the task's failure."""
        self._waiting = self.run.execution.ask(self.run.strand, effect)
        while True:
            message = yield None
            if message.effect in (self._deadline, self._beat):
                late = message.effect == self._beat
                raise self._failure(_TIMED_OUT, None, "TimedOut", "States.HeartbeatTimeout" if late else None)
            if message.effect != self._waiting:
                continue
            reply: Reply = message.reply
            if isinstance(reply, Scheduled):
                self.run.tell("ActivityStarted", {"workerName": reply.worker} if reply.worker else {})
            elif isinstance(reply, Heartbeat):
                self.beat()
            elif isinstance(reply, Result):
                return reply
            elif isinstance(reply, Failure):
                suffix = _SUFFIXES[reply.kind]
                if suffix == "SubmitFailed" and self.kind.prefix != "Task":
                    suffix = "Failed"
                raise self._failure(reply.error, reply.cause, suffix)

    def _failure(self, error: str | None, cause: str | None, suffix: str, also: str | None = None) -> StateFailed:
        if cause is not None and size(cause) > MAX_PAYLOAD:
            error, cause = "States.DataLimitExceeded", too_large(self.kind.subject)
        details = event.failure(error, cause, **self.kind.about)
        if error == "States.Runtime":
            return StateFailed(error, cause)
        self.run.tell(f"{self.kind.prefix}{suffix}", details)
        return StateFailed(error, cause, also)

    def _timer(self, seconds: float) -> int:
        strand, execution = self.run.strand, self.run.execution
        moment = execution.now + seconds
        return execution.ask(strand, Wait(0, self.run.state.name, strand.path, until=moment, limit=True))


_WAITS = re.compile(r"\.(waitForTaskToken|sync(:2)?)$")
_SUFFIXES = {
    "failed": "Failed",
    "start_failed": "StartFailed",
    "submit_failed": "SubmitFailed",
    "schedule_failed": "ScheduleFailed",
    "timed_out": "TimedOut",
}
