"""TestState: one state is run alone, with the services that it calls or with what is said in their place.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number, optional_number, optional_text, structure, text
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.inputs import read_input
from harness.emulator.stepfunctions.integrations.reach import Caller
from harness.emulator.stepfunctions.integrations.registry import POLL_SECONDS, SESSION_NAME, Integrations
from harness.emulator.stepfunctions.integrations.resource import parse_resource
from harness.emulator.stepfunctions.mock_schema import STRICT, check_mock
from harness.states_language.context_object import Identity
from harness.states_language.effects import (
    AwaitActivity,
    AwaitJob,
    AwaitToken,
    CallResource,
    Effect,
    Failure,
    Json,
    Reply,
    Result,
    Wait,
)
from harness.states_language.execution import Execution, Single
from harness.states_language.machine import Machine, Map, Parallel, State, Task
from harness.states_language.text import Payload, dumps

_NAME = "StateName"
"""Of a state that is given without one."""
_LONGEST = 300.0
"""Seconds that TestState may take."""
_NOT_MOCKED = ("Pass", "Fail", "Succeed")
_CONTEXT = {
    "Execution": ("Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"),
    "State": ("EnteredTime", "Name", "RetryCount"),
    "StateMachine": ("Id", "Name"),
    "Task": ("Token",),
}
_REFERENCES = ("Next", "Default")


@dataclass(frozen=True)
class _Tested:
    """What is asked, read."""

    machine: Machine
    state: State
    value: Json
    text: str
    mock: Result | Failure | None


class StateTests:
    """The operation.

    Args:
        definitions: reads states.
        integrations: carry out tasks.
        permissions: know who may hand on a role.
        now: the time, in seconds since the epoch.
    """

    def __init__(
        self,
        definitions: Definitions,
        integrations: Integrations,
        permissions: Permissions,
        now: Callable[[], float],
    ) -> None:
        self._definitions = definitions
        self._integrations = integrations
        self._permissions = permissions
        self._now = now

    def test(self, call: Call) -> Members:
        """TestState."""
        given = call.parameters
        tested = self._read(given)
        configuration, role = structure(given, "stateConfiguration"), optional_text(given, "roleArn")
        name = str(uuid.uuid4())
        machine = str(uuid.uuid4())
        stem = f"arn:aws:states:{call.region}:{call.account}"
        identity = Identity(
            execution_arn=f"{stem}:express:{machine}:{name}",
            name=name,
            role_arn=role,
            machine_arn=f"{stem}:stateMachine:{machine}",
            machine_name=machine,
            region=call.region,
        )
        execution = Execution(
            tested.machine,
            Payload(tested.value, tested.text),
            uuid.uuid4().int >> 64,
            identity,
            context=_context(optional_text(given, "context"), tested.state),
            variables=_object(optional_text(given, "variables"), "Variables"),
            single=Single(
                mock=tested.mock if isinstance(tested.state, Map | Parallel) else None,
                retries=number(configuration, "retrierRetryCount", 0),
                failed_iterations=number(configuration, "mapIterationFailureCount", 0),
            ),
            inspect=True,
            max_events=None,
        )
        actor = RoleSession(role, SESSION_NAME) if role else None
        self._run(execution, tested.mock, Caller(call.region, call.account, actor))
        return _answer(execution, given, tested)

    # What is asked

    def _read(self, given: Members) -> _Tested:
        told = text(given, "input", "{}")
        value = read_input(told)
        definition, name = _single(text(given, "definition"), optional_text(given, "stateName"))
        machine = self._definitions.parse(definition, "STANDARD")
        state = machine.states[name]
        mock = _mock(given, state)
        if mock is None and isinstance(state, Map | Parallel):
            raise AwsError(
                "InvalidDefinition",
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, "
                "Pass, Succeed, Fail, Choice]",
            )
        if mock is None and isinstance(state, Task) and not given.get("roleArn"):
            raise _invalid("RoleArn must be specified when testing a Task state")
        _check_configuration(given, state, mock, value, machine)
        return _Tested(machine, state, value, told, mock)

    # What is done

    def _run(self, execution: Execution, mock: Result | Failure | None, caller: Caller) -> None:
        began = time.monotonic()
        now = self._now()
        effects: list[Effect] = list(execution.start(now))
        while effects and execution.status == "RUNNING":
            effect = effects.pop(0)
            reply: Reply
            match effect:
                case Wait():
                    if effect.limit:
                        continue
                    now, reply = max(now, effect.until), None
                case CallResource() | AwaitJob() | AwaitToken() | AwaitActivity() if mock is not None:
                    waits = isinstance(effect, CallResource) and _waits(effect.resource)
                    reply = Result({}) if waits and isinstance(mock, Result) else mock
                case CallResource():
                    reply = self._integrations.call(effect, caller)
                case AwaitJob():
                    found = self._integrations.poll(effect, caller)
                    while found is None and time.monotonic() - began < _LONGEST:
                        time.sleep(POLL_SECONDS)
                        found = self._integrations.poll(effect, caller)
                    reply = found or Failure("States.Timeout", None, "timed_out")
                case AwaitToken() | AwaitActivity():
                    raise _invalid("A state that waits for a task token or an activity is tested with a mock")
                case _:
                    continue
            effects += execution.resolve(effect.id, reply, now)


def _single(definition: str, name: str | None) -> tuple[str, str]:
    """A state machine of one state, and the name of it; what the state leads to is there, and does nothing."""
    try:
        given = json.loads(definition)
    except ValueError:
        return definition, _NAME  # refused where it is read
    if not isinstance(given, dict):
        return definition, _NAME
    more: dict[str, Any] = {}
    if name is not None:
        found = _find(given, name)
        if found is None:
            raise _invalid("State not found in definition")
        state, language = found
        if language is not None:
            more["QueryLanguage"] = language
    elif "States" in given:
        raise _invalid("StateName must be specified when the definition is a state machine")
    else:
        state, name = given, _NAME
    states = {name: state}
    for target in _targets(state):
        states.setdefault(target, {"Type": "Succeed"})
    return json.dumps({"StartAt": name, "States": states, **more}), name


def _find(flow: Mapping[str, Any], name: str, language: str | None = None) -> tuple[Any, str | None] | None:
    """The state *name*, wherever it lies, and the query language around it."""
    language = flow.get("QueryLanguage", language)
    states = flow.get("States")
    for key, state in (states if isinstance(states, Mapping) else {}).items():
        if key == name:
            return state, language
        if isinstance(state, Mapping):
            for inner in (*(state.get("Branches") or ()), state.get("ItemProcessor"), state.get("Iterator")):
                found = _find(inner, name, language) if isinstance(inner, Mapping) else None
                if found is not None:
                    return found
    return None


def _targets(state: Any) -> list[str]:
    if not isinstance(state, Mapping):
        return []
    found = [state.get(member) for member in _REFERENCES]
    for member in ("Choices", "Catch"):
        handlers = state.get(member)
        found += [each.get("Next") for each in (handlers if isinstance(handlers, list) else ()) if _is_object(each)]
    return [target for target in found if isinstance(target, str)]


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _mock(given: Members, state: State) -> Result | Failure | None:
    if given.get("mock") is None:
        return None
    mock = structure(given, "mock")
    if state.type in _NOT_MOCKED:
        raise _invalid(f"State type '{state.type}' is not supported when a mock is specified")
    if given.get("revealSecrets"):
        raise _invalid("TestState does not support RevealSecrets when a mock is specified.")
    told = optional_text(mock, "result")
    if told is not None and mock.get("errorOutput") is not None:
        raise _invalid("A test mock should have only one of the following fields: [result, errorOutput].")
    if mock.get("errorOutput") is not None:
        failed = structure(mock, "errorOutput")
        return Failure(optional_text(failed, "error"), optional_text(failed, "cause"))
    if told is None:
        return None
    try:
        result = json.loads(told)
    except ValueError:
        raise _invalid("Mocked result must be valid JSON") from None
    if isinstance(state, Map) and state.writer is not None and not isinstance(result, dict):
        raise _invalid("Mocked result must be a JSON object.")
    if isinstance(state, Map) and state.writer is None and not isinstance(result, list):
        raise _invalid("Mocked result must be an array.")
    if isinstance(state, Parallel):
        if not isinstance(result, list):
            raise _invalid("Mocked result must be an array.")
        if len(result) != len(state.branches):
            raise _invalid("Mocked result must contain the same number of items as number of Parallel branches.")
    if isinstance(state, Task):
        check_mock(state.resource, result, text(mock, "fieldValidationMode", STRICT))
    return Result(result, told)


def _check_configuration(
    given: Members, state: State, mock: Result | Failure | None, value: Json, machine: Machine
) -> None:
    configuration = structure(given, "stateConfiguration")
    failures = optional_number(configuration, "mapIterationFailureCount")
    if failures is not None:
        if mock is None and not given.get("mock"):
            raise _invalid("TestState does not support MapIterationFailureCount when a mock is not specified.")
        if isinstance(mock, Result) and isinstance(mock.value, list) and failures > len(mock.value):
            raise _invalid("Map iteration failure count must be less than or equal to the number of Map iterations")
    caused_by = configuration.get("errorCausedByState")
    if caused_by is not None and isinstance(state, Map | Parallel):
        inner = [state.processor] if isinstance(state, Map) else list(state.branches)
        if not any(each.name == caused_by for flow in inner for each in flow.walk()):
            raise _invalid("State not found in definition")


def _waits(resource: str) -> bool:
    named = parse_resource(resource)
    return named is not None and bool(named.waiting)


def _object(text: str | None, what: str) -> dict[str, Json]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        raise _invalid(f"Invalid {what} provided: not valid JSON") from None
    if not isinstance(value, dict):
        raise _invalid(f"Invalid {what} provided: must be a JSON object")
    return value


def _context(text: str | None, state: State) -> dict[str, Json] | None:
    """The context object that is given, None where there is none.

    Raises:
        AwsError: ValidationException: it has what no context object has.
    """
    if text is None:
        return None
    context = _object(text, "Context object")
    for name, member in context.items():
        if name == "Map":
            raise _refused_context("'Map' field is not supported when mocking a Context object")
        allowed = _CONTEXT.get(name)
        if allowed is None:
            raise _refused_context(f"Field '{name}' is not allowed")
        if not isinstance(member, dict):
            raise _refused_context(f"{name} must be an object")
        for inner, value in member.items():
            if inner not in allowed:
                raise _refused_context(f"Field '{inner}' is not allowed")
            if inner in ("Id", "Name", "RoleArn", "StartTime", "EnteredTime", "Token") and not isinstance(value, str):
                raise _refused_context(f"{name}.{inner} must be a string")
            if inner in ("RetryCount", "RedriveCount") and (not isinstance(value, int) or isinstance(value, bool)):
                raise _refused_context(f"{name}.{inner} must be a number")
    if "Task" in context and not (isinstance(state, Task) and _waits(state.resource)):
        raise _refused_context(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    return context


def _answer(execution: Execution, given: Members, tested: _Tested) -> Members:
    answer: dict[str, object] = {"status": execution.status}
    if execution.status in ("TIMED_OUT", "ABORTED", "RUNNING"):
        answer["status"] = "FAILED"
    if execution.output is not None:
        answer["output"] = execution.output.text
    if execution.next_state is not None:
        answer["nextState"] = execution.next_state
    for member, value in (("error", execution.error), ("cause", execution.cause)):
        if value:
            answer[member] = value
    if given.get("inspectionLevel", "INFO") != "INFO":
        seen = {"input": tested.text, **execution.inspection}
        if "toleratedFailurePercentage" in execution.inspection:
            seen["toleratedFailurePercentage"] = float(execution.inspection["toleratedFailurePercentage"])
        if execution.variables:
            seen["variables"] = dumps(dict(execution.variables))
        answer["inspectionData"] = seen
    return answer


def _refused_context(words: str) -> AwsError:
    return _invalid(f"Invalid Context object provided: {words}")


def _invalid(words: str) -> AwsError:
    return AwsError("ValidationException", words)
