"""The peer: moto's engine alone, three trivial Lambda tasks answered in the same process, no S3, no endpoint.

Prints what :mod:`benchmarks.workflow_once` prints.
"""

from __future__ import annotations

import json
import sys
import time
import uuid

import boto3
from moto import mock_aws

from harness.project.executions import wait

ROLE = "arn:aws:iam::123456789012:role/benchmark"


def main(executions: int) -> None:
    """Create functions and state machine, run one execution cold and *executions* warm."""
    with mock_aws(config={"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}):
        session = boto3.Session(region_name="us-east-1")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        session.client("iam").create_role(RoleName="benchmark", AssumeRolePolicyDocument=json.dumps(trust))
        functions = session.client("lambda")
        tasks = {}
        for number in range(3):
            functions.create_function(
                FunctionName=f"f{number}",
                Runtime="python3.12",
                Role=ROLE,
                Handler="lambda_function.lambda_handler",
                Code={"ZipFile": b"none is run"},
            )
            follow = {"Next": f"s{number + 1}"} if number < 2 else {"End": True}
            tasks[f"s{number}"] = {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": f"f{number}", "Payload.$": "$"},
                "ResultSelector": {"ok": True},
                **follow,
            }
        states = session.client("stepfunctions")
        machine = states.create_state_machine(
            name="machine", definition=json.dumps({"StartAt": "s0", "States": tasks}), roleArn=ROLE
        )["stateMachineArn"]

        def once() -> float:
            began = time.perf_counter()
            arn = states.start_execution(stateMachineArn=machine, name=str(uuid.uuid4()), input="{}")["executionArn"]
            ended = wait(states, arn)
            if not ended.succeeded:
                raise RuntimeError(f"{ended.error}: {ended.cause}")
            return (time.perf_counter() - began) * 1000

        once()
        print(json.dumps({"event": "first"}), flush=True)
        print(json.dumps({"event": "warm", "milliseconds": [once() for _ in range(executions)]}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
