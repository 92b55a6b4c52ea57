"""State machines: Step Functions deletes them once none of their executions runs, and until then keeps their names.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html
"""

from __future__ import annotations

import time
from typing import Any

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


def delete_state_machine(states: Any, arn: str, timeout: float = 300) -> None:
    """Delete a state machine and wait until it is gone; one that is not there is passed over.

    Args:
        states: a client of Step Functions.
        arn: of the state machine.
        timeout: seconds to wait for its executions to end.

    Raises:
        RuntimeError: it is there after that time; AWS goes on deleting it.
        botocore.exceptions.ClientError: Step Functions refuses.
    """
    states.delete_state_machine(stateMachineArn=arn)
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
    while True:
        try:
            states.describe_state_machine(stateMachineArn=arn)
        except states.exceptions.StateMachineDoesNotExist:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{arn} was still being deleted after {timeout:g} s: an execution of it runs")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
