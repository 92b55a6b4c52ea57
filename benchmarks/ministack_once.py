"""The peer: MiniStack, started here from another environment, with the same workflow as far as it goes.

It has no SageMaker: the second function answers what the endpoint would have answered. The first reads S3, as ours.
Prints what :mod:`benchmarks.workflow_once` prints. ``MINISTACK`` names its command.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from harness.project.executions import wait
from tests.waiting import until

ROLE = "arn:aws:iam::000000000000:role/benchmark"
HANDLERS = {
    "read": """
import base64, boto3
s3 = boto3.client("s3")
def lambda_handler(event, context):
    body = s3.get_object(Bucket=event["s3_bucket"], Key=event["s3_key"])["Body"].read()
    return {"statusCode": 200, "body": {"image_data": base64.b64encode(body).decode(), "inferences": []}}
""",
    "classify": """
def lambda_handler(event, context):
    return {"statusCode": 200, "body": "[0.98, 0.02]"}
""",
    "threshold": """
import json
def lambda_handler(event, context):
    assert max(json.loads(event["body"])) > 0.93
    return {"statusCode": 200, "body": json.dumps(event)}
""",
}


def main(command: str, executions: int) -> None:
    """Start it, deploy, run one execution cold and *executions* warm, stop it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [command],
        env={**os.environ, "GATEWAY_PORT": str(port), "EDGE_PORT": str(port), "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _run(f"http://127.0.0.1:{port}", executions)
    finally:
        process.terminate()
        process.wait(10)


def _run(url: str, executions: int) -> None:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=url)

    s3 = client("s3")

    def made() -> bool:
        with contextlib.suppress(BotoCoreError, ClientError):  # it answers later than it listens
            s3.create_bucket(Bucket="bucket")
            return True
        return False

    until(made, 60, every=0.05)
    s3.put_object(Bucket="bucket", Key="image.png", Body=bytes(2500))
    functions, states = client("lambda"), client("stepfunctions")
    tasks = {}
    for number, (name, code) in enumerate(HANDLERS.items()):
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("lambda_function.py", code)
        functions.create_function(
            FunctionName=name,
            Runtime=f"python3.{sys.version_info.minor}",
            Role=ROLE,
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": package.getvalue()},
            Environment={"Variables": {"AWS_ENDPOINT_URL": url}},
        )
        follow = {"Next": list(HANDLERS)[number + 1]} if number < 2 else {"End": True}
        tasks[name] = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": name, "Payload.$": "$"},
            "OutputPath": "$.Payload",
            **follow,
        }
    machine = states.create_state_machine(
        name="machine", definition=json.dumps({"StartAt": "read", "States": tasks}), roleArn=ROLE
    )["stateMachineArn"]
    event = json.dumps({"s3_bucket": "bucket", "s3_key": "image.png"})

    def once() -> float:
        began = time.perf_counter()
        arn = states.start_execution(stateMachineArn=machine, name=str(uuid.uuid4()), input=event)["executionArn"]
        ended = wait(states, arn)
        if not ended.succeeded:
            raise RuntimeError(f"{ended.error}: {ended.cause}")
        return (time.perf_counter() - began) * 1000

    once()
    print(json.dumps({"event": "first"}), flush=True)
    print(json.dumps({"event": "warm", "milliseconds": [once() for _ in range(executions)]}), flush=True)


if __name__ == "__main__":
    main(os.environ["MINISTACK"], int(sys.argv[1]))
