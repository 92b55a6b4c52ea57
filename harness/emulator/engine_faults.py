"""Lets faults strike the tasks of state machines, where the engine looks for answers that a test has put in place.

The engine asks its environment for a "mocked response" once a task is scheduled and before it calls anything.
"""

from __future__ import annotations

from typing import Any

from harness.emulator.engine_seam import failure, put_around
from harness.emulator.faults import Faults, Strike
from harness.emulator.stepfunctions.clock import Clock

_ASKED = "harness_faults_asked"
_STRUCK = "harness_fault"
_TIMEOUT = "States.Timeout"


def let_faults_strike(faults: Faults, clock: Clock) -> None:
    """Have each attempt at a task ask *faults* once; latency passes by *clock*."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service
    from moto.stepfunctions.parser.asl.eval.environment import Environment

    def is_struck(env: Any) -> bool:
        if _ASKED not in env.__dict__:  # each attempt at a state has an environment to itself
            env.__dict__[_ASKED] = True
            machine = env.states.context_object.context_object_data["StateMachine"]["Name"]
            state = env.next_state_name
            strike = faults.strike("state", f"{machine}/{state}", state)
            if strike is not None:
                clock.sleep(strike.latency)
                env.__dict__[_STRUCK] = strike if strike.error else None
        return env.__dict__.get(_STRUCK) is not None

    def fail(env: Any, mocked_response: Strike) -> None:
        raise _failure(env, mocked_response)

    def strike_functions(original: Any) -> Any:
        def exec_lambda_function(env: Any, **arguments: Any) -> None:
            """The task that names a function itself."""
            if is_struck(env):
                raise _failure(env, env.__dict__[_STRUCK])
            original(env=env, **arguments)

        return exec_lambda_function

    put_around(lambda_eval_utils, "exec_lambda_function", strike_functions)
    Environment.is_mocked_mode = is_struck
    Environment.get_current_mocked_response = lambda env: env.__dict__[_STRUCK]
    state_task_service.eval_mocked_response = fail
    lambda_eval_utils.eval_mocked_response = fail


def _failure(env: Any, strike: Strike) -> Exception:
    details: dict[str, Any] = {"error": strike.error, "cause": strike.message}
    scheduler = "LambdaFunction"
    for event in reversed(env.event_manager._history_event_list):
        scheduled = event.get("taskScheduledEventDetails")
        if scheduled is not None:
            scheduler = "Task"
            details |= {member: scheduled[member] for member in ("resource", "resourceType")}
        if scheduled is not None or "lambdaFunctionScheduledEventDetails" in event:
            break
    return failure(env, scheduler + ("TimedOut" if strike.error == _TIMEOUT else "Failed"), details)
