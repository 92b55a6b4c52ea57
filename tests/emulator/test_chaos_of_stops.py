"""500 executions while the emulator is stopped and its children are killed: what was answered is captured."""

import base64
import contextlib
import io
import json
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from functools import partial

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.capture.records import read_s3
from tests.emulator.pictures import picture
from tests.emulator.test_state import OUTSIDE
from tests.waiting import active, execution_ended, hear, in_service, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

COUNT = 500
ROUNDS = 10
SEED = 20261126
UNSAVED = 6
"""Seconds: captures are written each second here, the state every two, and this machine may have more to do."""
MANY = 10
SERVICES = ["lambda.amazonaws.com", "states.amazonaws.com", "sagemaker.amazonaws.com"]
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = [{"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}]
PICTURE = picture(0, 5)
DEFINITION = {
    "StartAt": "Classify",
    "States": {
        "Classify": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "chaos", "Payload": {"name.$": "$$.Execution.Name"}},
            "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 1}],
            "End": True,
        },
    },
}
HANDLER = """
import base64
import boto3

runtime = boto3.client("sagemaker-runtime")

def handler(event, context):
    body = base64.b64decode(PICTURE)
    runtime.invoke_endpoint(EndpointName="chaos", ContentType="image/png", Body=body, InferenceId=event["name"])
    return 1
"""


class Process:
    """An emulator that is stopped and started in one folder."""

    def __init__(self, folder):
        self._folder = folder
        self.start()

    def start(self):
        command = [sys.executable, "-m", "harness", "up", "--port", "0", "--state", "state"]
        out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(
            command, cwd=self._folder, env=OUTSIDE | {"HARNESS_CAPTURE_SECONDS": "1"}, **out
        )
        self._url = hear(self.process, r"http://\S+:\d+")[0]
        self._session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")

    def client(self, service):
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, max_pool_connections=32)
        return self._session.client(service, endpoint_url=self._url, config=config)

    def stop(self, number):
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        told = self.process.communicate(timeout=60)[0]
        assert self.process.returncode == 0 and "Traceback" not in told, told
        psutil.wait_procs(children, 10)
        assert not [child for child in children if child.is_running()], "children are left"

    def kill_a_child(self, chosen):
        children = psutil.Process(self.process.pid).children(recursive=True)
        if children:
            with contextlib.suppress(psutil.NoSuchProcess):
                chosen.choice(children).kill()


def deploy(process):
    iam, s3, sagemaker = process.client("iam"), process.client("s3"), process.client("sagemaker")
    trust = json.dumps({"Version": "2012-10-17", "Statement": TRUST})
    role = iam.create_role(RoleName="chaos", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="chaos", PolicyName="all", PolicyDocument=json.dumps(ALL))
    s3.create_bucket(Bucket="chaos")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", HANDLER.replace("PICTURE", repr(base64.b64encode(PICTURE))))
    process.client("lambda").create_function(
        FunctionName="chaos",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Timeout=30,
        Code={"ZipFile": code.getvalue()},
    )
    active(process.client("lambda"), "chaos")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stub:1"
    sagemaker.create_model(ModelName="chaos", ExecutionRoleArn=role, PrimaryContainer={"Image": image})
    variant = {"VariantName": "A", "ModelName": "chaos", "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="chaos",
        ProductionVariants=[variant],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://chaos/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        },
    )
    sagemaker.create_endpoint(EndpointName="chaos", EndpointConfigName="chaos")
    states = process.client("stepfunctions")
    made = states.create_state_machine(name="chaos", definition=json.dumps(DEFINITION), roleArn=role)
    return made["stateMachineArn"]


def running(states, machine):
    return len(states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"])


class Caller(threading.Thread):
    """Asks the endpoint by itself, and notes what was answered."""

    def __init__(self, process, prefix):
        super().__init__()
        self._runtime = process.client("sagemaker-runtime")
        self._prefix = prefix
        self.answered = {}
        """By name, when the answer was there."""
        self.over = threading.Event()

    def run(self):
        number = 0
        while not self.over.is_set():
            number += 1
            name = f"{self._prefix}-{number}"
            with contextlib.suppress(ClientError, BotoCoreError):
                given = {"EndpointName": "chaos", "ContentType": "image/png", "Body": PICTURE}
                self._runtime.invoke_endpoint(**given, InferenceId=name)["Body"].read()
                self.answered[name] = time.monotonic()


def test_what_was_answered_is_captured_whatever_ends_the_emulator(tmp_path):
    chosen, process, answered, started = random.Random(SEED), Process(tmp_path), set(), []
    machine = deploy(process)
    for number in range(ROUNDS):
        in_service(process.client("sagemaker"), "chaos")
        states, caller = process.client("stepfunctions"), Caller(process, f"direct-{number}")
        caller.start()
        for index in range(COUNT // ROUNDS):
            name = f"e-{number}-{index}"
            started.append(states.start_execution(stateMachineArn=machine, name=name)["executionArn"])
            if chosen.random() < 0.1:
                process.kill_a_child(chosen)
        most = chosen.randrange(COUNT // ROUNDS // 2)  # the stop comes while executions run
        until(partial(running, states, machine), 60, enough=most.__ge__)
        process.stop(chosen.choice([signal.SIGTERM, signal.SIGHUP, signal.SIGINT]))
        caller.over.set()
        caller.join(60)
        answered |= caller.answered.keys()
        process.start()
    in_service(process.client("sagemaker"), "chaos")
    states = process.client("stepfunctions")
    ended, causes = {}, Counter()
    for arn in started:
        told = execution_ended(states, arn, 120)
        ended[told["name"]] = told["status"]
        causes[f"{told.get('error')}: {told.get('cause')}"] += 1
    succeeded = {name for name, status in ended.items() if status == "SUCCEEDED"}
    process.stop(signal.SIGTERM)
    process.start()
    captured = [record.inference_id for record in read_s3(process.client("s3"), "s3://chaos/captures").records]
    process.stop(signal.SIGTERM)
    assert len(ended) == COUNT and len(succeeded) > COUNT / 4 and len(answered) > ROUNDS, causes
    assert not (answered | succeeded) - set(captured)


def test_a_kill_costs_no_more_than_the_last_seconds(tmp_path):
    process = Process(tmp_path)
    deploy(process)
    in_service(process.client("sagemaker"), "chaos")
    caller = Caller(process, "killed")
    caller.start()
    until(lambda: len(due(caller, time.monotonic())) > MANY or not caller.is_alive(), 60)
    process.process.kill()
    killed = time.monotonic()
    process.process.communicate()
    caller.over.set()
    caller.join(60)
    process.start()
    captured = {record.inference_id for record in read_s3(process.client("s3"), "s3://chaos/captures").records}
    process.stop(signal.SIGTERM)
    assert len(due(caller, killed)) > MANY and not due(caller, killed) - captured


def due(caller, at):
    """What was answered so long before that it has to be saved."""
    return {name for name, answered in caller.answered.copy().items() if answered < at - UNSAVED}
