"""An execution of AWS, run again here: its definition and input, its tasks answering what they answered on AWS."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from typing import Any

from harness.parity.answers import answers_of
from harness.parity.export import RecordedExecution
from harness.testing.clock import virtual_time
from harness.testing.control import ControlApi


def replay(
    recorded: RecordedExecution, states: Any, iam: Any, control: ControlApi, timeout: float = 300
) -> list[dict[str, Any]]:
    """The history of the replayed execution.

    Args:
        recorded: the execution.
        states: a Step Functions client of the emulator.
        iam: an IAM client of the emulator.
        control: the emulator's own API.
        timeout: seconds after which an execution that still runs is given up.

    Raises:
        botocore.exceptions.ClientError: the definition is refused.
        TimeoutError: it did not end.
    """
    _ensure_role(iam, recorded.role_arn)
    machine = states.create_state_machine(
        name=f"parity-{uuid.uuid4().hex[:12]}", definition=recorded.definition, roleArn=recorded.role_arn
    )["stateMachineArn"]
    control.post("tasks/script", {"answers": answers_of(recorded.events)})
    try:
        with virtual_time(control):  # times are not compared, so nobody has to wait for them
            started = states.start_execution(stateMachineArn=machine, name=recorded.name, input=recorded.input)
            arn = started["executionArn"]
            deadline = time.monotonic() + timeout
            while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the replayed execution still ran after {timeout:g} s")
                time.sleep(0.01)
        pages = states.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=True)
        return [event for page in pages for event in page["events"]]
    finally:
        control.post("tasks/script", {"answers": []})
        states.delete_state_machine(stateMachineArn=machine)


def _ensure_role(iam: Any, arn: str) -> None:
    """Make the role that the machine names. It needs no permissions: the tasks call nothing."""
    path, _, name = arn.partition(":role")[2].rpartition("/")
    if not name:
        return  # not every export tells
    statement = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, Path=f"{path}/", AssumeRolePolicyDocument=json.dumps(trust))
