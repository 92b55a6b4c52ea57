"""Loads what the image's programs load, so that it lies there as byte code: its file system is read-only later."""

import json
import os
import tempfile
import urllib.request

import awslambdaric.bootstrap  # noqa: F401
import boto3
import onnx  # noqa: F401
import onnxruntime  # noqa: F401

import harness.algorithms.image_classification.serve
import harness.algorithms.image_classification.train
import harness.cli
import harness.scones.bring_up  # noqa: F401
from harness.emulator.emulator import Emulator
from harness.targets.target import Target, environment_of

TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
MACHINE = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}

with (
    tempfile.TemporaryDirectory() as folder,
    Emulator() as emulator,
    environment_of(Target("embedded", emulator.environment(), is_local=True)),
):
    os.chdir(folder)
    role = boto3.client("iam").create_role(
        RoleName="warm", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    )["Role"]["Arn"]
    boto3.client("s3").create_bucket(Bucket="warm")
    boto3.client("logs").create_log_group(logGroupName="warm")
    boto3.client("lambda").list_functions()
    boto3.client("sagemaker").list_endpoints()
    states = boto3.client("stepfunctions")
    arn = states.create_state_machine(name="warm", definition=json.dumps(MACHINE), roleArn=role)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    while states.describe_execution(executionArn=execution)["status"] == "RUNNING":
        pass
    urllib.request.urlopen(f"{emulator.url}/_harness/health").close()
