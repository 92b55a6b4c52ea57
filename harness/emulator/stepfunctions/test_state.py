"""TestState: one state is run alone, with the services that it calls or with what is said in their place.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number, optional_text, structure, text
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.inputs import read_input
from harness.emulator.stepfunctions.integrations.reach import Caller
from harness.emulator.stepfunctions.integrations.registry import POLL_SECONDS, SESSION_NAME, Integrations
from harness.emulator.stepfunctions.single_state import invalid, single_machine
from harness.emulator.stepfunctions.single_state_checks import (
    check_configuration,
    context_of,
    mock_of,
    object_of,
    waits,
)
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
from harness.states_language.execution import Execution
from harness.states_language.machine import Machine, Map, Parallel, State, Task
from harness.states_language.text import Payload, dumps
from harness.states_language.workings import Single

_LONGEST = 300.0
"""Seconds that TestState may take."""


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
            context=context_of(optional_text(given, "context"), tested.state),
            variables=object_of(optional_text(given, "variables"), "Variables"),
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
        definition, name = single_machine(text(given, "definition"), optional_text(given, "stateName"))
        machine = self._definitions.parse(definition, "STANDARD")
        state = machine.states[name]
        mock = mock_of(given, state)
        if mock is None and isinstance(state, Map | Parallel):
            raise AwsError(
                "InvalidDefinition",
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, "
                "Pass, Succeed, Fail, Choice]",
            )
        if mock is None and isinstance(state, Task) and not given.get("roleArn"):
            raise invalid("RoleArn must be specified when testing a Task state")
        check_configuration(given, state, mock)
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
                    first = isinstance(effect, CallResource) and waits(effect.resource)
                    reply = Result({}) if first and isinstance(mock, Result) else mock
                case CallResource():
                    reply = self._integrations.call(effect, caller)
                case AwaitJob():
                    found = self._integrations.poll(effect, caller)
                    while found is None and time.monotonic() - began < _LONGEST:
                        time.sleep(POLL_SECONDS)
                        found = self._integrations.poll(effect, caller)
                    reply = found or Failure("States.Timeout", None, "timed_out")
                case AwaitToken() | AwaitActivity():
                    raise invalid("A state that waits for a task token or an activity is tested with a mock")
                case _:
                    continue
            effects += execution.resolve(effect.id, reply, now)


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
