"""What is late on AWS can be made late here: roles come into force, listings show changes, after a while."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.emulator.acting import allow, document, refused, trust_of
from tests.emulator.packages import package
from tests.waiting import until

SERVICES = ["lambda.amazonaws.com", "sagemaker.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com"]
SECONDS = 2.5
PASS = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
TARGET = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"


@pytest.fixture
def late(control):
    """Has roles or listings be late, by seconds."""
    yield lambda **seconds: control.put("late", seconds)
    control.put("late", {"roles": 0, "listings": 0})


@pytest.fixture
def name():
    return f"late-{uuid.uuid4().hex[:8]}"


def until_accepted(call):
    """The words with which *call* is refused before it is accepted."""
    refusals = []

    def accepted():
        try:
            call()
        except ClientError as error:
            refusals.append(error.response["Error"]["Message"])
            return False
        return True

    until(accepted, 30)
    return refusals


def make_function(functions, name, role):
    return functions.create_function(
        FunctionName=name, Role=role, Runtime="python3.12", Handler="a.b", Code={"ZipFile": package("")}
    )


def make_model(sagemaker, name, role):
    return sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"})


def make_schedule(scheduler, name, role, expression="at(2099-01-01T00:00:00)", **more):
    return scheduler.create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": TARGET, "RoleArn": role, "Input": json.dumps({"EndpointName": "none"})},
        **more,
    )


@pytest.mark.parametrize(
    ("service", "make", "words", "remove"),
    [
        (
            "lambda",
            make_function,
            "The role defined for the function cannot be assumed by Lambda.",
            lambda functions, name: functions.delete_function(FunctionName=name),
        ),
        (
            "sagemaker",
            make_model,
            "Could not assume role",
            lambda sagemaker, name: sagemaker.delete_model(ModelName=name),
        ),
        (
            "scheduler",
            make_schedule,
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
            lambda scheduler, name: scheduler.delete_schedule(Name=name),
        ),
    ],
)
def test_a_role_that_was_just_made_is_not_known_to_services(actors, late, name, service, make, words, remove):
    client = boto3.client(service)  # which takes a while
    late(roles=SECONDS)
    role = actors.role(trust=trust_of({"Service": SERVICES}))
    refusals = until_accepted(lambda: make(client, name, role))
    assert refusals
    assert all(words in refusal for refusal in refusals)
    remove(client, name)


def test_a_policy_is_in_force_later_than_it_is_put(actors, late):
    role = actors.role(allow("s3:ListAllMyBuckets"))
    s3, iam = actors.acting(role).client("s3"), boto3.client("iam")
    late(roles=SECONDS)
    s3.list_buckets()  # what was there before is known
    iam.put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="given", PolicyDocument=document(allow("iam:*")))
    s3.list_buckets()

    def refusal():
        try:
            s3.list_buckets()
        except ClientError as error:
            return error.response["Error"]["Code"]

    assert until(refusal, 30) == "AccessDenied"


def test_a_stack_with_roles_and_what_acts_as_them_waits_for_the_roles(late, name):
    late(roles=SECONDS)
    trust = json.loads(trust_of({"Service": SERVICES}))
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    properties = {
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": "def handler(event, context): return 1"},
        "Handler": "index.handler",
        "Runtime": "python3.12",
    }
    machine = {"RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "DefinitionString": PASS}
    resources = {
        "Role": role,
        "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
    }
    template = {"Resources": resources}
    cfn = boto3.client("cloudformation")
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    cfn.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_listings_show_what_was_removed_and_not_what_was_made(actors, late, name):
    s3, iam, tagging = (boto3.client(service) for service in ("s3", "iam", "resourcegroupstaggingapi"))

    def buckets():
        return {bucket["Name"] for bucket in s3.list_buckets(Prefix=name)["Buckets"]}

    def roles():
        return {role["Arn"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]}

    def tagged():
        found = tagging.get_resources(TagFilters=[{"Key": "late", "Values": [name]}])["ResourceTagMappingList"]
        return {item["ResourceARN"] for item in found}

    tags = {"TagSet": [{"Key": "late", "Value": name}]}
    s3.create_bucket(Bucket=f"{name}-old")
    s3.put_bucket_tagging(Bucket=f"{name}-old", Tagging=tags)
    late(listings=SECONDS)
    s3.create_bucket(Bucket=f"{name}-new")
    s3.put_bucket_tagging(Bucket=f"{name}-new", Tagging=tags)
    s3.delete_bucket(Bucket=f"{name}-old")
    role = actors.role()
    assert (buckets(), tagged()) == ({f"{name}-old"}, {f"arn:aws:s3:::{name}-old"})
    assert role not in roles()
    # Who asks by name is told what is so.
    assert refused(s3.head_bucket, Bucket=f"{name}-old")[0] == "404"
    s3.head_bucket(Bucket=f"{name}-new")
    iam.get_role(RoleName=role.rpartition("/")[2])
    wanted = ({f"{name}-new"}, {f"arn:aws:s3:::{name}-new"})
    until(lambda: (buckets(), tagged()) == wanted and role in roles(), 30)
    s3.delete_bucket(Bucket=f"{name}-new")


def test_only_roles_and_listings_can_be_late(control):
    for given in ({"buckets": 1}, {"roles": -1}, {"roles": "soon"}):
        with pytest.raises(ValueError, match=r"cannot be late|no number of seconds"):
            control.put("late", given)
    assert control.get("late") == {"late": {"roles": 0, "listings": 0}}


# Schedules, as AWS takes and refuses them


@pytest.mark.parametrize(
    "expression",
    [
        "at(2021-12-31)",
        "at(2021-12-31T23:59:59Z)",
        "rate(10 seconds)",
        "rate(10 minutess)",
        " rate(10 minutes)",
        "cron()",
    ],
)
def test_an_expression_that_cannot_be_read_is_refused(actors, name, expression):
    role = actors.role(trust=trust_of({"Service": SERVICES}))
    given = {"scheduler": boto3.client("scheduler"), "name": name, "role": role}
    code, words = refused(make_schedule, **given, expression=expression)
    assert (code, words) == ("ValidationException", f"Invalid Schedule Expression {expression}.")


def test_a_time_in_the_past_is_taken_and_a_start_in_the_past_is_not(actors, name):
    role = actors.role(trust=trust_of({"Service": SERVICES}))
    scheduler = boto3.client("scheduler")
    assert make_schedule(scheduler, name, role, "at(2022-12-31T23:59:59)")["ScheduleArn"]
    scheduler.delete_schedule(Name=name)
    given = {"scheduler": scheduler, "name": name, "role": role}
    code, words = refused(make_schedule, **given, expression="rate(5 minutes)", StartDate="2022-12-31T23:59:59Z")
    assert (code, words) == ("ValidationException", "The StartDate you specify cannot be earlier than 5 minutes ago.")


_IN_THE_PAST = """
import boto3, botocore.exceptions

scheduler = boto3.client("scheduler")
for when in ("at(2022-12-31T23:59:59)", "at(2199-12-31T23:59:59)"):
    try:
        scheduler.create_schedule(
            Name="once",
            ScheduleExpression=when,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:sqs:us-east-1:123456789012:none", "RoleArn": "arn:aws:iam::123456789012:role/none"},
        )
    except botocore.exceptions.ClientError as error:
        print(error)
"""


def test_a_time_in_the_past_is_refused_where_that_is_asked_for(tmp_path):
    (tmp_path / "script.py").write_text(_IN_THE_PAST)
    given = {**os.environ, "HARNESS_PAST_SCHEDULES": "refuse"}
    command = [sys.executable, "-m", "harness", "run", "script.py"]
    told = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=120).stdout
    past, future = told.splitlines()
    assert "ValidationException" in past
    assert "Invalid Schedule Expression at(2022-12-31T23:59:59). It is in the past." in past
    assert "must allow AWS EventBridge Scheduler to assume the role" in future


def test_an_unknown_time_zone_is_refused(actors, name):
    role = actors.role(trust=trust_of({"Service": SERVICES}))
    given = {"scheduler": boto3.client("scheduler"), "name": name, "role": role, "expression": "rate(5 minutes)"}
    code, words = refused(make_schedule, **given, ScheduleExpressionTimezone="Mars/Olympus")
    assert (code, words) == ("ValidationException", "Invalid Schedule Expression Timezone Mars/Olympus.")


def test_a_schedule_that_began_a_moment_ago_is_due_at_once(actors, name):
    role = actors.role(allow("sqs:SendMessage"), trust=trust_of({"Service": SERVICES}))
    sqs, scheduler = boto3.client("sqs"), boto3.client("scheduler")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="rate(5 minutes)",
        StartDate=datetime.now(UTC) - timedelta(seconds=2),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": role, "Input": "due"},
    )
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "due"
    scheduler.delete_schedule(Name=name)
    sqs.delete_queue(QueueUrl=queue)
