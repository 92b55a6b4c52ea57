"""``docker compose up``, on a real engine: the demo, the suite, restarts, kills, clean removal."""

import contextlib
import json
import shutil
import urllib.request
import uuid

import boto3
import pytest

from harness.project.executions import run, start, wait
from harness.project.scaffold import scaffold
from harness.scones.workflow import STATE_MACHINE
from harness.targets.compose import StackError, compose
from tests.compose.stack import PORTS, ROOT, SERVICES, Stack, available, docker
from tests.waiting import in_service, until

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]  # images are built, too

THRESHOLD_ERROR = "ThresholdConfidenceNotMet"
AS_DESIGNED = {"SUCCEEDED", THRESHOLD_ERROR}
ARCHIVE = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
NOWHERE = "http://127.0.0.1:1"
SLOW = """
import time

def lambda_handler(event, context):
    time.sleep(10)
    return event
"""


def project(folder, command):
    return Stack(folder, f"harness-test-{uuid.uuid4().hex[:8]}", command)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = project(tmp_path_factory.mktemp("stack"), available()[0])
    stack.build()
    try:
        seconds = stack.up()
        print(f"the stack was ready, images built, in {seconds:.1f} s")
        yield stack
    finally:
        stack.down()


@pytest.fixture
def target(stack):
    """The stack as a target, for tests that need more than the suite."""
    with compose(stack.settings()) as target:
        yield target


def machine(states):
    found = states.list_state_machines()["stateMachines"]
    return next(item["stateMachineArn"] for item in found if item["name"] == STATE_MACHINE)


def outcomes(count=8):
    """How executions for some of the images end."""
    s3, states = boto3.client("s3"), boto3.client("stepfunctions")
    bucket = next(item["Name"] for item in s3.list_buckets()["Buckets"] if item["Name"].startswith("scones-"))
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="test/", MaxKeys=count)["Contents"]
    results = [
        run(states, machine(states), {"image_data": "", "s3_bucket": bucket, "s3_key": o["Key"]}) for o in listed
    ]
    return {result.error or result.status for result in results}


# The file


@pytest.mark.parametrize("command", available(), ids=" ".join)
@pytest.mark.parametrize("files", [["docker-compose.yml"], ["docker-compose.yml", "compose/offline.yml"]], ids=len)
def test_the_files_are_valid(command, files, tmp_path):
    stack = project(tmp_path, command)
    stack._files = files
    stack.compose("config", "-q")


def test_the_file_that_users_get_names_the_images_of_their_makers(tmp_path):
    stack = project(tmp_path, available()[0])
    stack._files = ["docker-compose.yml"]
    text = stack.compose("config").stdout
    assert "image: localstack/localstack:4.14.0" in text
    assert "image: amazon/aws-stepfunctions-local:2.0.0" in text
    assert ":latest" not in text


def test_containers_have_no_more_rights_than_they_need(stack):
    for service in (*SERVICES, "deploy", "dashboard"):
        container = stack.container(service)
        assert container["Config"]["User"].split(":")[0] not in ("", "0", "root"), service
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"] and not host["Privileged"] and host["CapDrop"] == ["ALL"], service
        assert not any("docker.sock" in mount["Source"] for mount in container["Mounts"]), service
        bound = [place["HostIp"] for places in (host["PortBindings"] or {}).values() for place in places]
        assert set(bound) <= {"127.0.0.1"}, service


# The demo


def test_the_demo_is_ready_when_the_command_settles(stack):
    said = stack.logs("deploy")
    assert "SUCCEEDED" in said and "FAILED" in said
    assert "12 executions:" in said
    assert f"failed with {THRESHOLD_ERROR}" in said


def test_the_address_that_is_printed_shows_the_executions(stack):
    url = f"http://127.0.0.1:{stack.ports['DASHBOARD_PORT']}"
    assert f"Open {url} in a browser" in stack.logs("deploy")
    stack.healthy("dashboard")
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    assert STATE_MACHINE in text
    assert "status SUCCEEDED" in text and "status FAILED" in text


def test_executions_succeed_and_fail_as_designed(target):
    assert outcomes() == AS_DESIGNED


def test_up_again_changes_nothing(stack):
    before = {service: stack.container(service)["Id"] for service in SERVICES}
    stack.up()
    assert {service: stack.container(service)["Id"] for service in SERVICES} == before
    said = stack.logs("deploy").rpartition("Deploy to the")[2]
    assert "created" not in said


def test_an_edit_of_a_handler_is_live(stack, target):
    path = stack.folder / "lambdas" / "threshold_image_data" / "lambda_function.py"
    before = path.read_text()
    event = json.dumps({"statusCode": 200, "body": "[0.99, 0.01]"})
    invoke = boto3.client("lambda").invoke
    assert "FunctionError" not in invoke(FunctionName="thresholdImageData", Payload=event)
    try:
        path.write_text("def lambda_handler(event, context):\n    return 'edited'\n")
        assert json.loads(invoke(FunctionName="thresholdImageData", Payload=event)["Payload"].read()) == "edited"
    finally:
        path.write_text(before)
    assert "FunctionError" not in invoke(FunctionName="thresholdImageData", Payload=event)


def test_functions_log_to_localstack(target):
    assert outcomes(1) <= AS_DESIGNED
    logs = boto3.client("logs")

    def messages():
        events = logs.filter_log_events(logGroupName="/aws/lambda/thresholdImageData")["events"]
        return [event["message"] for event in events]

    until(messages, every=0.2, enough=lambda said: any(each.startswith("REPORT RequestId") for each in said))


# The suite


def test_the_suite_passes_against_the_stack(stack):
    result = stack.run("-m", "pytest", "-q", "-m", "local", "--target", "compose", "tests")
    print(result.stdout)
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout
    stack.up()  # the suite has cleaned up, the demo's resources among the rest: they have the same names


def test_without_a_stack_the_suite_says_once_what_is_missing(stack):
    result = stack.run("-m", "pytest", "-q", "-m", "local", "--target", "compose", "tests", HARNESS_LAMBDA_URL=NOWHERE)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert result.stdout.count(f"nothing answers at {NOWHERE} (cloudformation, lambda)") == 1, result.stdout
    assert "docker compose up" in result.stdout


def test_a_batch_is_evaluated_where_step_functions_takes_distributed_maps(stack, drawings, tmp_path):
    output = ("--output", str(tmp_path))
    result = stack.run("-m", "harness", "evaluate", str(drawings), "--target", "compose", "--model", "stub", *output)
    assert result.returncode == 0, result.stdout
    summary = json.loads((tmp_path / "evaluation.json").read_text())["summary"]
    assert summary["images"] == len((drawings / "test.lst").read_text().splitlines())
    assert summary["failed"] == 0


# Restarts


@pytest.mark.parametrize("service", ["lambda", "sagemaker"])
def test_a_restart_of_ours_loses_nothing(stack, target, service):
    stack.compose("restart", service)
    stack.healthy(service)
    if service == "sagemaker":
        in_service(boto3.client("sagemaker"), "scones-image-classification")
    assert outcomes() == AS_DESIGNED


@pytest.mark.parametrize("service", ["localstack", "stepfunctions"])
def test_what_a_restart_of_theirs_loses_comes_back_with_up(stack, service):
    stack.compose("restart", service)
    stack.healthy(service)
    stack.up()
    with compose(stack.settings()):
        assert outcomes() == AS_DESIGNED


def test_a_killed_container_ends_the_execution_that_needs_it(stack, target):
    folder = stack.folder / "lambdas" / "slow"
    folder.mkdir()
    (folder / "lambda_function.py").write_text(SLOW)
    functions, states = boto3.client("lambda"), boto3.client("stepfunctions")
    role = functions.get_function_configuration(FunctionName="thresholdImageData")["Role"]
    arn = functions.create_function(
        FunctionName="slow",
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"S3Bucket": "hot-reload", "S3Key": "slow"},
        Timeout=30,
    )["FunctionArn"]
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": arn}}
    definition = {"StartAt": "Slow", "States": {"Slow": {**task, "End": True}}}
    slow = states.create_state_machine(name="slow", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    try:
        execution = start(states, slow, {})
        until(lambda: "TaskStarted" in str(states.get_execution_history(executionArn=execution)["events"]))
        docker("kill", stack.container("lambda")["Id"])
        result = wait(states, execution, timeout=30)
        assert result.status == "FAILED"
        assert result.error == "Lambda.SdkClientException"
    finally:
        stack.compose("start", "lambda")
        stack.healthy("lambda")
        states.delete_state_machine(stateMachineArn=slow)
        # A crash loses what was made in the seconds before it: the function may be gone.
        with contextlib.suppress(functions.exceptions.ResourceNotFoundException):
            functions.delete_function(FunctionName="slow")
    assert outcomes() == AS_DESIGNED


def test_a_killed_endpoint_fails_executions_until_it_is_back(stack, target):
    docker("kill", stack.container("sagemaker")["Id"])
    try:
        assert not outcomes(2) & AS_DESIGNED
    finally:
        stack.compose("start", "sagemaker")
        stack.healthy("sagemaker")
    in_service(boto3.client("sagemaker"), "scones-image-classification")
    assert outcomes() == AS_DESIGNED


def test_the_notebook_runs_to_its_last_cell(stack, tmp_path):
    shutil.copy(ROOT / "examples" / "scones_unlimited" / "scones_unlimited.ipynb", tmp_path)
    given = ("--map", f"{ARCHIVE}=synthesized", "--set", "epochs=2", "--set", "executions=4", "--dry-run")
    done = stack.run("-m", "harness", "run", *given, str(tmp_path / "scones_unlimited.ipynb"))
    assert done.returncode == 0, done.stdout[-4000:]
    assert "against the compose target" in done.stdout
    assert "on 1 ml.g4dn.xlarge" in done.stdout  # what it would cost on AWS
    assert "endpoints left: 0" in (tmp_path / "scones_unlimited.executed.ipynb").read_text()


# A project of one's own


def test_another_project_is_deployed_and_its_state_machine_runs(stack, tmp_path):
    other = project(tmp_path, stack._command)
    list(scaffold(tmp_path / "greetings"))
    other.environment["HARNESS_PROJECT"] = str(tmp_path / "greetings")
    try:
        other.up()
        assert "greetings.GreetingArn" in other.logs("deploy")
        assert f"http://127.0.0.1:{other.ports['LAMBDA_PORT']}" in other.logs("lambda")
        with compose(other.settings()):
            arn = boto3.client("cloudformation").describe_stacks()["Stacks"][0]["Outputs"][0]["OutputValue"]
            assert run(boto3.client("stepfunctions"), arn, {}).error == "NobodyNamed"  # else it waits, in real time
    finally:
        other.down()


# Ports, profiles, removal


def test_a_taken_port_is_named(stack, tmp_path):
    other = project(tmp_path, stack._command)
    other.environment |= {name: str(stack.ports[name]) for name in PORTS}
    try:
        result = other.compose("up", "-d", "--no-build", "localstack", check=False)
        assert result.returncode != 0
        assert f"127.0.0.1:{stack.ports['LOCALSTACK_PORT']}" in result.stdout
        assert "already" in result.stdout
    finally:
        other.down()


def test_the_profile_serves_the_model_that_ships(stack, target):
    stack.up("--profile", "trained")
    said = stack.logs("deploy-trained")
    assert "updated endpoint" in said
    assert "The endpoint was a stub" not in said
    sagemaker = boto3.client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName="scones-image-classification")["EndpointArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


@pytest.mark.parametrize("command", available()[1:], ids=" ".join)
def test_it_comes_up_with_the_other_compose_and_goes_without_a_trace(command, tmp_path):
    stack = project(tmp_path, command)
    try:
        stack.up()
        with compose(stack.settings()):
            assert outcomes() == AS_DESIGNED
    finally:
        stack.down()
    for what in ("container", "volume", "network"):
        options = ["-a"] if what == "container" else []
        label = f"label=com.docker.compose.project={stack.name}"
        assert docker(what, "ls", "-q", *options, "--filter", label) == ""
    with pytest.raises(StackError, match="docker compose up"), compose(stack.settings()):
        pass
