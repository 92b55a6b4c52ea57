"""``harness up --services lambda``: an emulator that runs one service, and finds the others where the variables say."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.emulator.aws_models import service_model
from harness.emulator.clients import endpoint_variable
from harness.emulator.options import SERVICES
from tests.emulator.packages import package
from tests.waiting import active, execution_ended, hear

OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
"""The environment as it is before a target leads boto3 anywhere."""
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
READS = """
import boto3

def lambda_handler(event, context):
    print("reading", event["key"])
    return boto3.client("s3").get_object(Bucket=event["bucket"], Key=event["key"])["Body"].read().decode()
"""


@contextlib.contextmanager
def only_lambda(folder, *options, services="lambda", **variables):
    """Clients of an emulator of Lambda alone, or of other *services*, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "up", "--port", "0", "--services", services, *options],
        cwd=folder,
        env={**OUTSIDE, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # A warning may come first: of a function that runs on another Python than it asks for.
    url = hear(process, r"http://\S+:\d+")[0]
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    try:
        yield lambda service: session.client(service, endpoint_url=url, config=config)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def elsewhere(target):
    """Variables that lead to the session's emulator."""
    return {"AWS_ENDPOINT_URL": target.environment["AWS_ENDPOINT_URL"]}


@pytest.fixture(scope="module")
def role(target):
    document = {"Version": "2012-10-17", "Statement": [TRUST]}
    iam, name = boto3.client("iam"), f"services-{uuid.uuid4().hex[:8]}"
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    s3.put_object(Bucket=bucket, Key="text", Body=b"from elsewhere")
    return bucket


def create(functions, role, name="reads", **code):
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code=code or {"ZipFile": package(READS)},
    )
    active(functions, name)


def ask(functions, bucket, name="reads"):
    event = {"bucket": bucket, "key": "text"}
    return json.loads(functions.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())


def test_the_variables_are_those_that_boto3_reads():
    session = boto3.session.Session(region_name="us-east-1")
    for names in SERVICES.values():
        for name in names:
            service_id = session.client(name).meta.service_model.service_id
            assert endpoint_variable(name) == f"AWS_ENDPOINT_URL_{service_id.upper().replace(' ', '_')}"


@pytest.mark.slow
def test_a_function_reaches_the_other_services_where_they_are(tmp_path, elsewhere, role, bucket):
    with only_lambda(tmp_path, **elsewhere) as client:
        create(client("lambda"), role)
        assert ask(client("lambda"), bucket) == "from elsewhere"
    logs = boto3.client("logs")  # written at the latest when the emulator ended
    messages = [event["message"] for event in logs.filter_log_events(logGroupName="/aws/lambda/reads")["events"]]
    assert "reading text\n" in messages


@pytest.mark.slow
def test_requests_for_other_services_are_passed_on(tmp_path, elsewhere, bucket):
    with only_lambda(tmp_path, **elsewhere) as client:
        s3 = client("s3")
        s3.put_object(Bucket=bucket, Key="relayed/ä b", Body=b"x" * 100_000)
        assert [item["Size"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="relayed/")["Contents"]] == [100_000]
        with pytest.raises(ClientError, match="NoSuchKey"):
            s3.get_object(Bucket=bucket, Key="none")
    assert boto3.client("s3").head_object(Bucket=bucket, Key="relayed/ä b")["ContentLength"] == 100_000


def test_a_service_that_is_nowhere_is_named(tmp_path, role):
    with only_lambda(tmp_path) as client:
        with pytest.raises(ClientError) as refused:
            client("iam").list_roles()
        assert refused.value.response["Error"]["Code"] == "ServiceNotRunHere"
        assert "set AWS_ENDPOINT_URL_IAM" in refused.value.response["Error"]["Message"]
        with pytest.raises(ClientError, match="IAM cannot be asked"):
            create(client("lambda"), role)


@pytest.mark.slow
def test_a_role_that_iam_does_not_have_is_refused(tmp_path, elsewhere, role):
    with only_lambda(tmp_path, **elsewhere) as client, pytest.raises(ClientError) as refused:
        create(client("lambda"), f"{role}-not")
    assert "cannot be assumed by Lambda" in str(refused.value)


@pytest.mark.slow
def test_step_functions_alone_invokes_functions_that_are_elsewhere(tmp_path, elsewhere, bucket):
    iam = boto3.client("iam")
    name = f"services-{uuid.uuid4().hex[:8]}"
    principals = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
    document = {"Version": "2012-10-17", "Statement": [{**TRUST, "Principal": principals}]}
    both = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    create(boto3.client("lambda"), both, name)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": name, "Payload": {"bucket": bucket, "key": "text"}},
        "End": True,
    }
    with only_lambda(tmp_path, services="stepfunctions", **elsewhere) as client:
        states = client("stepfunctions")
        definition = json.dumps({"StartAt": "Read", "States": {"Read": task}})
        machine = states.create_state_machine(name="reads", definition=definition, roleArn=both)["stateMachineArn"]
        arn = states.start_execution(stateMachineArn=machine)["executionArn"]
        ended = execution_ended(states, arn)
    assert json.loads(ended.get("output", "{}")).get("Payload") == "from elsewhere", ended
    boto3.client("lambda").delete_function(FunctionName=name)


@pytest.mark.slow
def test_functions_outlive_a_restart(tmp_path, elsewhere, role, bucket):
    with only_lambda(tmp_path, "--state", "state", **elsewhere) as client:
        functions = client("lambda")
        create(functions, role)
        create(functions, role, "gone")
        functions.get_waiter("function_active_v2").wait(FunctionName="reads")
        functions.update_function_configuration(FunctionName="reads", Timeout=7)
        functions.get_waiter("function_updated_v2").wait(FunctionName="reads")
        functions.update_function_code(FunctionName="reads", ZipFile=package(READS.replace(".decode()", ".hex()")))
        functions.delete_function(FunctionName="gone")
    with only_lambda(tmp_path, "--state", "state", **elsewhere) as client:
        functions = client("lambda")
        assert [(item["FunctionName"], item["Timeout"]) for item in functions.list_functions()["Functions"]] == [
            ("reads", 7)
        ]
        assert ask(functions, bucket) == b"from elsewhere".hex()


@pytest.mark.slow
def test_an_edit_of_live_code_is_run_by_the_next_invocation(tmp_path, elsewhere, role, bucket):
    folder = tmp_path / "code" / "reads"
    folder.mkdir(parents=True)
    source = folder / "lambda_function.py"
    source.write_text(READS)
    with only_lambda(tmp_path, "--live", "code", **elsewhere) as client:
        functions = client("lambda")
        create(functions, role, S3Bucket="hot-reload", S3Key="reads")
        assert ask(functions, bucket) == "from elsewhere"
        source.write_text(READS.replace(".decode()", ".decode().upper()"))
        assert ask(functions, bucket) == "FROM ELSEWHERE"
        with pytest.raises(ClientError, match="is no folder below"):
            create(functions, role, "escapes", S3Bucket="hot-reload", S3Key="../..")
        functions.update_function_code(FunctionName="reads", ZipFile=package(READS))
        assert ask(functions, bucket) == "from elsewhere"


@pytest.mark.slow
def test_runtimes_that_aws_makes_no_new_functions_of_are_taken_where_that_is_asked_for(tmp_path, elsewhere, role):
    given = {"Role": role, "Handler": "lambda_function.handler", "Code": {"ZipFile": package(READS)}}
    refused = "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda functions"
    with only_lambda(tmp_path, **elsewhere) as client, pytest.raises(ClientError, match=refused):
        client("lambda").create_function(FunctionName="old", Runtime="python3.7", **given)
    with only_lambda(tmp_path, HARNESS_ENDED_RUNTIMES="take", **elsewhere) as client:
        made = client("lambda").create_function(FunctionName="old", Runtime="python3.7", **given)
        active(client("lambda"), "old")
        assert made["Runtime"] == "python3.7"


@pytest.mark.slow
def test_live_code_that_is_gone_stops_its_function_not_the_emulator(tmp_path, elsewhere, role):
    folder = tmp_path / "code" / "reads"
    folder.mkdir(parents=True)
    (folder / "lambda_function.py").write_text(READS)
    options = ("--live", "code", "--state", "state")
    with only_lambda(tmp_path, *options, **elsewhere) as client:
        create(client("lambda"), role, S3Bucket="hot-reload", S3Key="reads")
    folder.rename(tmp_path / "code" / "renamed")
    with only_lambda(tmp_path, *options, **elsewhere) as client:
        with pytest.raises(ClientError, match="'reads' is no folder below"):
            client("lambda").invoke(FunctionName="reads")
        client("lambda").delete_function(FunctionName="reads")


def test_without_live_the_bucket_is_one_like_any_other(role):
    with pytest.raises(ClientError) as refused:
        create(boto3.client("lambda"), role, "not-live", S3Bucket="hot-reload", S3Key="reads")
    assert "hot-reload" not in [item["Name"] for item in boto3.client("s3").list_buckets()["Buckets"]]
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_the_emulators_own_clients_leave_the_models_as_they_are(control):
    s3, name = boto3.client("s3"), f"models-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=b"")
    role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
    container = {"Image": "stub", "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)  # asks S3 for the object
    # moto finds out by these which operation failed.
    assert service_model("s3").operation_model("HeadObject").http["requestUri"] == "/{Bucket}/{Key+}"
    sagemaker.delete_model(ModelName=name)
    s3.delete_object(Bucket=name, Key="model.tar.gz")
    s3.delete_bucket(Bucket=name)


@pytest.mark.slow
def test_stacks_are_made_of_what_is_here_and_of_what_is_elsewhere(tmp_path, elsewhere, role):
    name = f"services-{uuid.uuid4().hex[:8]}"
    code = {"ZipFile": "def handler(event, context): return 'of a stack'"}
    function = {"FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler", "Role": role, "Code": code}
    resources = {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}},
    }
    with only_lambda(tmp_path, services="lambda,cloudformation", **elsewhere) as client:
        stacks = client("cloudformation")
        stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        assert json.load(client("lambda").invoke(FunctionName=name)["Payload"]) == "of a stack"
        boto3.client("s3").head_bucket(Bucket=name)
        stacks.delete_stack(StackName=name)
        stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="404"):
        boto3.client("s3").head_bucket(Bucket=name)
