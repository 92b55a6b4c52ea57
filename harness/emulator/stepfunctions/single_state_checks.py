"""What TestState refuses: mocks, configurations and context objects that do not fit the state.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
"""

from __future__ import annotations

import json

from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, optional_number, optional_text, structure, text
from harness.emulator.stepfunctions.integrations.resource import parse_resource
from harness.emulator.stepfunctions.mock_schema import STRICT, check_mock
from harness.emulator.stepfunctions.single_state import invalid
from harness.states_language.effects import Failure, Json, Result
from harness.states_language.machine import Map, Parallel, State, Task

_NOT_MOCKED = ("Pass", "Fail", "Succeed")
_CONTEXT = {
    "Execution": ("Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"),
    "State": ("EnteredTime", "Name", "RetryCount"),
    "StateMachine": ("Id", "Name"),
    "Task": ("Token",),
}


def mock_of(given: Members, state: State) -> Result | Failure | None:
    """Return what answers in place of the state's services, None where they do themselves.

    Raises:
        AwsError: ValidationException: it does not fit the state.
    """
    if given.get("mock") is None:
        return None
    mock = structure(given, "mock")
    if state.type in _NOT_MOCKED:
        raise invalid(f"State type '{state.type}' is not supported when a mock is specified")
    if given.get("revealSecrets"):
        raise invalid("TestState does not support RevealSecrets when a mock is specified.")
    told = optional_text(mock, "result")
    if told is not None and mock.get("errorOutput") is not None:
        raise invalid("A test mock should have only one of the following fields: [result, errorOutput].")
    if mock.get("errorOutput") is not None:
        failed = structure(mock, "errorOutput")
        return Failure(optional_text(failed, "error"), optional_text(failed, "cause"))
    if told is None:
        return None
    try:
        result = json.loads(told)
    except ValueError:
        raise invalid("Mocked result must be valid JSON") from None
    if isinstance(state, Map) and state.writer is not None and not isinstance(result, dict):
        raise invalid("Mocked result must be a JSON object.")
    if isinstance(state, Map) and state.writer is None and not isinstance(result, list):
        raise invalid("Mocked result must be an array.")
    if isinstance(state, Parallel):
        if not isinstance(result, list):
            raise invalid("Mocked result must be an array.")
        if len(result) != len(state.branches):
            raise invalid("Mocked result must contain the same number of items as number of Parallel branches.")
    if isinstance(state, Task):
        check_mock(state.resource, result, text(mock, "fieldValidationMode", STRICT))
    return Result(result, told)


def check_configuration(given: Members, state: State, mock: Result | Failure | None) -> None:
    """Refuse a stateConfiguration that the state cannot have.

    Args:
        given: members of the request.
        state: that is tested.
        mock: what answers for it, where something does.
    """
    configuration = structure(given, "stateConfiguration")
    failures = optional_number(configuration, "mapIterationFailureCount")
    if failures is not None:
        if mock is None and not given.get("mock"):
            raise invalid("TestState does not support MapIterationFailureCount when a mock is not specified.")
        if isinstance(mock, Result) and isinstance(mock.value, list) and failures > len(mock.value):
            raise invalid("Map iteration failure count must be less than or equal to the number of Map iterations")
    caused_by = configuration.get("errorCausedByState")
    if caused_by is not None and isinstance(state, Map | Parallel):
        inner = [state.processor] if isinstance(state, Map) else list(state.branches)
        if not any(each.name == caused_by for flow in inner for each in flow.walk()):
            raise invalid("State not found in definition")


def waits(resource: str) -> bool:
    """Whether a task with this resource waits for a job or a token."""
    named = parse_resource(resource)
    return named is not None and bool(named.waiting)


def object_of(told: str | None, what: str) -> dict[str, Json]:
    """Read the object that a member of the request is the text of; an empty one where there is none.

    Args:
        told: the text.
        what: it is, for the refusal.

    Raises:
        AwsError: ValidationException.
    """
    if told is None:
        return {}
    try:
        value = json.loads(told)
    except ValueError:
        raise invalid(f"Invalid {what} provided: not valid JSON") from None
    if not isinstance(value, dict):
        raise invalid(f"Invalid {what} provided: must be a JSON object")
    return value


def context_of(told: str | None, state: State) -> dict[str, Json] | None:
    """Read the context object that is given, None where there is none.

    Raises:
        AwsError: ValidationException: it has what no context object has.
    """
    if told is None:
        return None
    context = object_of(told, "Context object")
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
    if "Task" in context and not (isinstance(state, Task) and waits(state.resource)):
        raise _refused_context(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    return context


def _refused_context(words: str) -> AwsError:
    return invalid(f"Invalid Context object provided: {words}")
