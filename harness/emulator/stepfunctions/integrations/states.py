"""Step Functions itself: executions that start executions.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

from __future__ import annotations

import json

from harness.emulator.stepfunctions.integrations.optimized import Action, Job, Optimized
from harness.emulator.stepfunctions.integrations.resource import SYNC, SYNC_2, TOKEN
from harness.states_language.effects import Json

_SHOWN = (
    "Cause",
    "Error",
    "ExecutionArn",
    "Input",
    "InputDetails",
    "Name",
    "Output",
    "OutputDetails",
    "StartDate",
    "StateMachineArn",
    "Status",
    "StopDate",
)


def _described(output: dict[str, Json], waiting: str) -> dict[str, Json]:
    """``.sync`` gives input and output as texts, ``.sync:2`` as what they are."""
    shown = {name: output[name] for name in _SHOWN if output.get(name) is not None}
    for name in ("InputDetails", "OutputDetails"):
        if name in shown:
            shown[name] = {"Included": bool(shown[name].get("included", shown[name].get("Included", True)))}
    if waiting == SYNC_2:
        for name in ("Input", "Output"):
            if name in shown:
                shown[name] = json.loads(shown[name])
    return shown


STATES = Optimized(
    service="stepfunctions",
    actions={
        "startExecution": Action(
            waits=frozenset({"", SYNC, SYNC_2, TOKEN}),
            job=Job(
                describe="DescribeExecution",
                key="executionArn",
                found_in=lambda arguments, submitted: str(submitted["ExecutionArn"]),
                status="Status",
                under_way=frozenset({"RUNNING", "PENDING_REDRIVE"}),
                succeeded=frozenset({"SUCCEEDED"}),
                stop="StopExecution",
                rule="StepFunctionsGetEventsForStepFunctionsExecutionRule",
                shown=_described,
            ),
        )
    },
    prefix="StepFunctions",
    sdk_name="AWSStepFunctions",
    base_error="AWSStepFunctionsException",
    content_type="application/x-amz-json-1.0",
)
