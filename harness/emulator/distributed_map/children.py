"""Child executions: the engine's own executions, of the state machine that a Map's ItemProcessor is."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from harness.emulator.engine_executions import KEPT_ELSEWHERE


def child_of(
    parent: Any, *, machine_arn: str, machine_name: str, definition: str, execution_type: str, text: str, name: str = ""
) -> Any:
    """An execution that has not started, of the engine's kind.

    Args:
        parent: environment of the Map state.
        machine_arn: ``arn:aws:states:...:stateMachine:<parent's name>/<label>``.
        machine_name: ``<parent's name>/<label>``.
        definition: of the child.
        execution_type: ``STANDARD`` or ``EXPRESS``.
        text: its input, JSON.
        name: a new one when empty.
    """
    from moto.stepfunctions.parser.api import StateMachineType
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
    from moto.stepfunctions.parser.backend.execution import Execution

    details = parent.aws_execution_details
    name = name or str(uuid.uuid4())
    machine = SimpleNamespace(
        arn=machine_arn,
        name=machine_name,
        definition=definition,
        sm_type=StateMachineType(execution_type),
        roleArn=details.role_arn,
    )
    execution = Execution(
        name=name,
        sm_type=machine.sm_type,
        role_arn=details.role_arn,
        exec_arn=f"{machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}",
        account_id=details.account,
        region_name=details.region,
        state_machine=machine,
        start_date=EventManager._get_current_timestamp(),
        cloud_watch_logging_session=None,
        input_data=text,
        activity_store={},
    )
    execution.__dict__[KEPT_ELSEWHERE] = True
    return execution


def run_here(execution: Any) -> None:
    """Run *execution* to its end on this thread."""
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.parser.backend.execution_worker import SyncExecutionWorker

    worker = execution._get_start_execution_worker()
    worker.__class__ = SyncExecutionWorker
    execution.exec_worker = worker
    execution.exec_status = ExecutionStatus.RUNNING
    worker.start()


def go_on(
    execution: Any,
    events: list[dict[str, Any]],
    redrives: int,
    on_environment: Callable[[Any], None] = lambda env: None,
) -> Callable[[], None]:
    """Prepare *execution*, which has failed, to run on from the state that it failed in, its history kept.

    Args:
        execution: the engine's own object, or a new one of the same name.
        events: its history so far.
        redrives: how many there were, this one included.
        on_environment: given the environment before it runs.

    Returns:
        What runs it to its end, on the thread that calls it.

    Raises:
        LookupError: no state was entered and not left.
    """
    from moto.core.utils import iso_8601_datetime_with_milliseconds
    from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.flow.start_at import StartAt

    execution.__dict__.pop("harness_ended", None)
    worker = execution._get_start_execution_worker()
    program = copy.copy(worker._get_evaluation_entrypoint())
    name, text = _unfinished(events, program.states.states)
    program.start_at = StartAt(start_at_name=name)
    entered = program.states.states[name].state_entered_event_type

    def logic() -> None:
        env = worker.env = worker._get_evaluation_environment()
        manager = env.event_manager
        manager._history_event_list.extend(events)
        manager._event_id_gen._next_id = len(events) + 2
        # Past the engine's own way, for that adds nothing to a history that has come to its end.
        manager._history_event_list.append(
            {
                "type": HistoryEventType.ExecutionRedriven,
                "id": len(events) + 1,
                "previousEventId": events[-1]["id"],
                "timestamp": iso_8601_datetime_with_milliseconds(manager._get_current_timestamp()),
                "executionRedrivenEventDetails": {"redriveCount": redrives},
            }
        )
        env.event_history_context.source_event_id = len(events) + 1
        _pass_over(manager, entered)  # a state that was entered and not left is not entered again
        env.states.reset(json.loads(text))
        on_environment(env)
        program.eval(env)
        worker._execution_communication.terminated()

    execution.exec_worker = worker
    execution.stop_date = execution.error = execution.cause = None
    execution.exec_status = ExecutionStatus.RUNNING
    return logic


def _pass_over(manager: Any, kind: Any) -> None:
    original = manager.add_event

    def add_event(*args: Any, **arguments: Any) -> Any:
        if arguments.get("event_type") == kind:
            del manager.add_event
            return 0
        return original(*args, **arguments)

    manager.add_event = add_event


def _unfinished(events: list[dict[str, Any]], names: Any) -> tuple[str, str]:
    """The last state at the top that was entered and not left, and its input."""
    found: tuple[str, str] | None = None
    for event in events:
        entered, exited = event.get("stateEnteredEventDetails"), event.get("stateExitedEventDetails")
        if entered and entered["name"] in names:
            found = entered["name"], entered["input"]
        elif exited and found and exited["name"] == found[0]:
            found = None
    if found is None:
        raise LookupError("no state was entered and not left")
    return found
