"""Requests are held against all policies that have a say in them, and refused in AWS's words."""

import json
import urllib.error
import urllib.request
import uuid

import boto3
import pytest
from botocore.config import Config

from tests.emulator.acting import ACCOUNT, allow, deny, document, refused, trust_of
from tests.emulator.packages import package
from tests.waiting import active

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
LAMBDA, STATES = "lambda.amazonaws.com", "states.amazonaws.com"


@pytest.fixture
def bucket(s3, new_bucket):
    name = new_bucket()
    for key in ("mine/a", "mine/b", "others/c"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    return name


# Actions and resources


def test_what_no_policy_allows_is_refused(actors):
    session = actors.session(allow("states:ListStateMachines"))
    session.client("stepfunctions").list_state_machines()
    code, words = refused(session.client("lambda").list_functions)
    assert code == "AccessDeniedException"
    assert words.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/actor-")
    assert words.endswith(
        "/me is not authorized to perform: lambda:ListFunctions on resource: * "
        "because no identity-based policy allows the lambda:ListFunctions action"
    )


def test_a_policy_for_one_resource_is_for_no_other(actors):
    mine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:mine-*"
    session = actors.session(allow("states:*", mine), allow("iam:PassRole"))
    states = session.client("stepfunctions")
    role = actors.role(trust=trust_of({"Service": STATES}))
    arn = states.create_state_machine(name="mine-1", definition=PASS, roleArn=role)["stateMachineArn"]
    code, words = refused(states.create_state_machine, name="yours", definition=PASS, roleArn=role)
    assert code == "AccessDeniedException"
    assert "states:CreateStateMachine on resource: arn:aws:states:us-east-1:123456789012:stateMachine:yours " in words
    states.delete_state_machine(stateMachineArn=arn)


def test_an_action_of_no_resource_needs_a_statement_about_all(actors):
    session = actors.session(allow("sagemaker:*", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:*/scones-*"))
    assert "on resource: * because" in refused(session.client("sagemaker").list_models)[1]
    assert "Could not find" in refused(session.client("sagemaker").describe_endpoint, EndpointName="scones-1")[1]
    assert "endpoint/other " in refused(session.client("sagemaker").describe_endpoint, EndpointName="other")[1]


def test_a_new_endpoint_needs_permission_for_its_configuration_too(actors):
    session = actors.session(allow("sagemaker:CreateEndpoint", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/*"))
    words = refused(session.client("sagemaker").create_endpoint, EndpointName="e", EndpointConfigName="c")[1]
    assert "on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/c" in words


def test_services_that_speak_xml_are_refused_in_xml(actors):
    session = actors.session(allow("iam:GetRole"))
    session.client("iam").get_role(RoleName="AmazonSageMaker-ExecutionRole")
    code, words = refused(session.client("iam").delete_role, RoleName="AmazonSageMaker-ExecutionRole")
    assert code == "AccessDenied"
    role = f"arn:aws:iam::{ACCOUNT}:role/service-role/AmazonSageMaker-ExecutionRole"
    assert f"iam:DeleteRole on resource: {role} because" in words
    assert refused(session.client("cloudformation").describe_stacks)[0] == "AccessDenied"


def test_an_explicit_denial_outranks_all(actors):
    session = actors.session(allow("*"), deny("lambda:Delete*"))
    words = refused(session.client("lambda").delete_function, FunctionName="f")[1]
    assert words.endswith("function:f with an explicit deny in an identity-based policy")
    assert refused(session.client("lambda").get_function, FunctionName="f")[0] == "ResourceNotFoundException"


def test_what_a_statement_does_not_name(actors):
    session = actors.session(
        {"Effect": "Allow", "NotAction": "iam:*", "NotResource": f"arn:aws:lambda:*:{ACCOUNT}:function:secret"}
    )
    assert refused(session.client("lambda").get_function, FunctionName="f")[0] == "ResourceNotFoundException"
    assert refused(session.client("lambda").get_function, FunctionName="secret")[0] == "AccessDeniedException"
    assert refused(session.client("iam").list_roles)[0] == "AccessDenied"


# Roles that are handed on


@pytest.mark.parametrize("service", [LAMBDA, STATES, "sagemaker.amazonaws.com", "scheduler.amazonaws.com"])
def test_to_hand_a_role_to_a_service_needs_permission(actors, service):
    role = actors.role(trust=trust_of({"Service": [LAMBDA, STATES]}))
    calls = {
        LAMBDA: lambda session: session.client("lambda").create_function(
            FunctionName="f",
            Role=role,
            Runtime="python3.12",
            Handler="lambda_function.h",
            Code={"ZipFile": package("")},
        ),
        STATES: lambda session: session.client("stepfunctions").create_state_machine(
            name="m", definition=PASS, roleArn=role
        ),
        "sagemaker.amazonaws.com": lambda session: session.client("sagemaker").create_model(
            ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"}
        ),
        "scheduler.amazonaws.com": lambda session: session.client("scheduler").create_schedule(
            Name="s",
            ScheduleExpression="at(2099-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint", "RoleArn": role},
        ),
    }
    everything = allow(["lambda:*", "states:*", "sagemaker:*", "scheduler:*"])
    other = LAMBDA if service != LAMBDA else STATES
    for statement in (None, allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": other}})):
        session = actors.session(everything, *([statement] if statement else []))
        code, words = refused(calls[service], session=session)
        assert code == "AccessDeniedException"
        assert words.endswith(
            f"is not authorized to perform: iam:PassRole on resource: {role} "
            "because no identity-based policy allows the iam:PassRole action"
        )


def test_a_role_may_be_handed_to_the_service_that_the_condition_names(actors):
    role = actors.role(trust=trust_of({"Service": STATES}))
    condition = {"StringEquals": {"iam:PassedToService": [LAMBDA, STATES]}}
    session = actors.session(allow("states:*"), allow("iam:PassRole", role, Condition=condition))
    arn = session.client("stepfunctions").create_state_machine(name="passed", definition=PASS, roleArn=role)
    session.client("stepfunctions").delete_state_machine(stateMachineArn=arn["stateMachineArn"])


# Conditions on what is asked


def test_tags_that_a_request_must_have(actors):
    role = actors.role(trust=trust_of({"Service": STATES}))
    condition = {
        "StringLike": {"aws:RequestTag/owner": "?*"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["owner", "project"]},
    }
    creating = allow(["states:CreateStateMachine", "states:TagResource"], Condition=condition)
    session = actors.session(creating, allow("iam:PassRole"))
    states = session.client("stepfunctions")
    for tags in ([], [{"key": "project", "value": "p"}], [{"key": "owner", "value": "o"}, {"key": "x", "value": ""}]):
        refused(states.create_state_machine, name="tagged", definition=PASS, roleArn=role, tags=tags)
    made = states.create_state_machine(
        name="tagged", definition=PASS, roleArn=role, tags=[{"key": "owner", "value": "o"}]
    )
    boto3.client("stepfunctions").delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_what_is_made_with_tags_needs_permission_to_tag_it(actors):
    tags = [{"Key": "owner", "Value": "o"}]
    session = actors.session(allow(["iam:CreateRole", "sagemaker:CreateModel", "iam:PassRole"]))
    trust = trust_of({"Service": LAMBDA})
    words = refused(session.client("iam").create_role, RoleName="r", AssumeRolePolicyDocument=trust, Tags=tags)[1]
    assert f"iam:TagRole on resource: arn:aws:iam::{ACCOUNT}:role/r " in words
    role = actors.role(trust=trust_of({"Service": "sagemaker.amazonaws.com"}))
    made = {"ModelName": "m", "ExecutionRoleArn": role, "PrimaryContainer": {"Image": "stub"}}
    assert "sagemaker:AddTags" in refused(session.client("sagemaker").create_model, **made, Tags=tags)[1]


def test_tags_that_a_resource_must_have(actors):
    role = actors.role(trust=trust_of({"Service": STATES}))
    mine = boto3.client("stepfunctions").create_state_machine(
        name="resource-tag", definition=PASS, roleArn=role, tags=[{"key": "Owner", "value": "me"}]
    )["stateMachineArn"]
    condition = {"StringEquals": {"aws:ResourceTag/owner": "${aws:PrincipalTag/team}"}}
    statement = allow("states:DescribeStateMachine", Condition=condition)
    for team, is_mine in (("me", True), ("others", False)):
        session = actors.session(statement, Tags=[{"Key": "team", "Value": team}])
        if is_mine:
            session.client("stepfunctions").describe_state_machine(stateMachineArn=mine)
        else:
            refused(session.client("stepfunctions").describe_state_machine, stateMachineArn=mine)
    boto3.client("stepfunctions").delete_state_machine(stateMachineArn=mine)


def test_instance_types_that_may_be_used(actors):
    condition = {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": "ml.m5.*"}}
    session = actors.session(allow("sagemaker:*", Condition=condition), allow("iam:PassRole"))
    variant = {"VariantName": "v", "ModelName": "no-such-model", "InitialInstanceCount": 1}
    create = session.client("sagemaker").create_endpoint_config
    small, large = ({**variant, "InstanceType": kind} for kind in ("ml.m5.large", "ml.p3.2xlarge"))
    assert "Could not find model" in refused(create, EndpointConfigName="c", ProductionVariants=[small])[1]
    assert "not authorized" in refused(create, EndpointConfigName="c", ProductionVariants=[large])[1]


def test_a_folder_of_a_bucket(actors, bucket):
    folder = {"StringLike": {"s3:prefix": "mine/*"}}
    session = actors.session(
        allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=folder),
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/mine/*"),
    )
    s3 = session.client("s3")
    assert s3.list_objects_v2(Bucket=bucket, Prefix="mine/a")["KeyCount"] == 1
    assert s3.get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"x"
    code, words = refused(s3.list_objects_v2, Bucket=bucket)
    assert (code, f's3:ListBucket on resource: "arn:aws:s3:::{bucket}"' in words) == ("AccessDenied", True)
    assert refused(s3.get_object, Bucket=bucket, Key="others/c")[0] == "AccessDenied"


def test_a_copy_needs_permission_to_read_what_is_copied(actors, bucket):
    session = actors.session(allow("s3:PutObject"), allow("s3:GetObject", f"arn:aws:s3:::{bucket}/mine/*"))
    copy = session.client("s3").copy_object
    copy(Bucket=bucket, Key="copy", CopySource=f"{bucket}/mine/a")
    words = refused(copy, Bucket=bucket, Key="copy", CopySource=f"{bucket}/others/c")[1]
    assert f's3:GetObject on resource: "arn:aws:s3:::{bucket}/others/c"' in words


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_an_address_that_was_signed_beforehand_leads_as_far_as_who_signed_it_may_go(actors, bucket, version):
    session = actors.session(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/mine/*"))
    s3 = session.client("s3", config=Config(signature_version=version, s3={"addressing_style": "path"}))
    mine, other = (
        s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}) for key in ("mine/a", "others/c")
    )
    with urllib.request.urlopen(mine) as answer:
        assert answer.read() == b"x"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(other)
    assert error.value.code == 403


def test_objects_are_deleted_one_by_one(actors, bucket):
    session = actors.session(allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/mine/*"))
    keys = [{"Key": key} for key in ("mine/a", "others/c")]
    s3 = session.client("s3")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    assert [item["Key"] for item in answer["Deleted"]] == ["mine/a"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [("others/c", "AccessDenied")]
    # On the same connection, what comes next is looked at by itself.
    assert "s3:GetObject on resource" in refused(s3.get_object, Bucket=bucket, Key="others/c")[1]


# Boundaries, sessions, users, groups, policies of AWS


def test_a_boundary_limits_what_policies_allow(actors):
    iam = boto3.client("iam")
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("lambda:List*")))["Policy"]["Arn"]
    session = actors.session(allow("lambda:*"), PermissionsBoundary=boundary)
    session.client("lambda").list_functions()
    words = refused(session.client("lambda").delete_function, FunctionName="f")[1]
    assert words.endswith("because no permissions boundary allows the lambda:DeleteFunction action")
    iam.delete_policy(PolicyArn=boundary)


def test_a_session_is_limited_to_its_policies(actors):
    role = actors.role(allow("lambda:*"))
    session = actors.acting(role, Policy=document(allow("lambda:List*")))
    session.client("lambda").list_functions()
    words = refused(session.client("lambda").delete_function, FunctionName="f")[1]
    assert words.endswith("because no session policy allows the lambda:DeleteFunction action")
    named = [{"arn": "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess"}]
    read_only = actors.acting(role, PolicyArns=named).client("lambda")
    read_only.list_functions()
    assert refused(read_only.delete_function, FunctionName="f")[0] == "AccessDeniedException"


def test_policies_that_aws_keeps(actors):
    iam, name = boto3.client("iam"), "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    role = actors.role()
    iam.attach_role_policy(RoleName=role.rpartition("/")[2], PolicyArn=name)
    session = actors.acting(role)
    session.client("s3").list_buckets()
    assert refused(session.client("s3").create_bucket, Bucket="any-bucket")[0] == "AccessDenied"
    assert iam.get_policy(PolicyArn=name)["Policy"]["PolicyName"] == "AmazonS3ReadOnlyAccess"
    missing = "arn:aws:iam::aws:policy/NoSuchPolicy"
    assert refused(iam.attach_role_policy, RoleName=role.rpartition("/")[2], PolicyArn=missing)[0] == "NoSuchEntity"


def test_a_user_has_the_policies_of_its_groups(target):
    iam, name = boto3.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = boto3.session.Session(key["AccessKeyId"], key["SecretAccessKey"])
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert session.client("sts").get_caller_identity()["Arn"] == arn
    code, words = refused(session.client("lambda").list_functions)
    assert (code, words.startswith(f"User: {arn} is not authorized")) == ("AccessDeniedException", True)
    iam.create_group(GroupName=name)
    iam.put_group_policy(GroupName=name, PolicyName="list", PolicyDocument=document(allow("lambda:List*")))
    iam.add_user_to_group(GroupName=name, UserName=name)
    session.client("lambda").list_functions()
    own = allow("iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(own))
    session.client("iam").get_user(UserName=name)
    assert refused(session.client("iam").get_user, UserName="somebody-else")[0] == "AccessDenied"
    iam.remove_user_from_group(GroupName=name, UserName=name)
    iam.delete_group_policy(GroupName=name, PolicyName="list")
    iam.delete_group(GroupName=name)
    iam.delete_user_policy(UserName=name, PolicyName="own")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


# Policies of resources


def test_a_bucket_lets_a_role_in(actors, bucket):
    role = actors.role()
    s3 = actors.acting(role).client("s3")
    assert refused(s3.get_object, Bucket=bucket, Key="mine/a")[0] == "AccessDenied"
    granted = {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/mine/*"), "Principal": {"AWS": role}}
    boto3.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(granted))
    assert s3.get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"x"
    assert refused(s3.get_object, Bucket=bucket, Key="others/c")[0] == "AccessDenied"


def test_a_bucket_keeps_everybody_out_of_a_folder(actors, bucket):
    denied = {**deny("s3:GetObject", f"arn:aws:s3:::{bucket}/others/*"), "Principal": "*"}
    boto3.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(denied))
    for s3 in (boto3.client("s3"), actors.session(allow("s3:*")).client("s3")):
        assert s3.get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"x"
        code, words = refused(s3.get_object, Bucket=bucket, Key="others/c")
        assert code == "AccessDenied"
        assert words.endswith("with an explicit deny in a resource-based policy")


def test_a_bucket_for_one_role_alone(actors, bucket):
    mine = f"arn:aws:iam::{ACCOUNT}:role/service-role/AmazonSageMaker-ExecutionRole"
    others = {"ArnNotEquals": {"aws:PrincipalArn": mine}}
    denied = {**deny("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Condition=others), "Principal": "*"}
    boto3.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(denied))
    assert boto3.client("s3").get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"x"
    assert (
        refused(actors.session(allow("s3:*")).client("s3").get_object, Bucket=bucket, Key="mine/a")[0] == "AccessDenied"
    )


def test_a_bucket_that_refuses_what_is_not_encrypted_takes_all_the_rest(bucket):
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    denied = {**deny("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], Condition=insecure)}
    s3 = boto3.client("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=document({**denied, "Principal": "*"}))
    assert s3.get_object(Bucket=bucket, Key="mine/a")["Body"].read() == b"x"
    plain = {**deny("s3:PutObject", f"arn:aws:s3:::{bucket}/*"), "Principal": "*"}
    plain["Condition"] = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=document(plain))
    s3.put_object(Bucket=bucket, Key="mine/a", Body=b"y", ServerSideEncryption="AES256")
    assert refused(s3.put_object, Bucket=bucket, Key="mine/a", Body=b"z")[0] == "AccessDenied"


def test_a_function_lets_a_role_in(actors, role):
    functions, name = boto3.client("lambda"), f"let-in-{uuid.uuid4().hex[:8]}"
    code = {"ZipFile": package("def handler(event, context): return 1")}
    functions.create_function(
        FunctionName=name, Role=role, Runtime="python3.12", Handler="lambda_function.handler", Code=code
    )
    active(functions, name)
    caller = actors.role()
    invoke = actors.acting(caller).client("lambda").invoke
    assert refused(invoke, FunctionName=name)[0] == "AccessDeniedException"
    functions.add_permission(FunctionName=name, StatementId="caller", Action="lambda:InvokeFunction", Principal=caller)
    assert invoke(FunctionName=name)["Payload"].read() == b"1"
    functions.delete_function(FunctionName=name)


# Who may take a role on


def test_a_role_is_taken_on_by_those_it_trusts_alone(actors):
    sts = boto3.client("sts")
    for role in (actors.role(trust=trust_of({"Service": LAMBDA})), f"arn:aws:iam::{ACCOUNT}:role/no-such-role"):
        code, words = refused(sts.assume_role, RoleArn=role, RoleSessionName="me")
        assert code == "AccessDenied"
        assert words.endswith(f"is not authorized to perform: sts:AssumeRole on resource: {role}")


def test_a_role_that_trusts_the_account_leaves_it_to_policies(actors):
    wanted = actors.role()
    with_right, without = actors.session(allow("sts:AssumeRole", wanted)), actors.session(allow("s3:*"))
    with_right.client("sts").assume_role(RoleArn=wanted, RoleSessionName="next")
    assert refused(without.client("sts").assume_role, RoleArn=wanted, RoleSessionName="next")[0] == "AccessDenied"


def test_a_condition_of_trust(actors):
    account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    role = actors.role(trust=trust_of(account, Condition={"StringEquals": {"sts:ExternalId": "secret"}}))
    sts = boto3.client("sts")
    assert refused(sts.assume_role, RoleArn=role, RoleSessionName="me")[0] == "AccessDenied"
    assert refused(sts.assume_role, RoleArn=role, RoleSessionName="me", ExternalId="guess")[0] == "AccessDenied"
    sts.assume_role(RoleArn=role, RoleSessionName="me", ExternalId="secret")


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:*:us-east-1:{ACCOUNT}:*:confused"}}, True),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:*:us-east-1:{ACCOUNT}:*:other"}}, False),
    ],
)
def test_a_service_takes_a_role_on_for_what_its_trust_names(actors, condition, is_met):
    role = actors.role(trust=trust_of({"Service": [LAMBDA, STATES]}, Condition=condition))
    states, functions = boto3.client("stepfunctions"), boto3.client("lambda")
    machine = {"name": "confused", "definition": PASS, "roleArn": role}
    code = {"ZipFile": package("")}
    function = {"FunctionName": "confused", "Role": role, "Runtime": "python3.12", "Handler": "lambda_function.h"}
    if is_met:
        states.delete_state_machine(stateMachineArn=states.create_state_machine(**machine)["stateMachineArn"])
        functions.create_function(**function, Code=code)
        functions.get_waiter("function_active_v2").wait(FunctionName="confused")
        functions.update_function_configuration(FunctionName="confused", Role=role)
        functions.delete_function(FunctionName="confused")
    else:
        assert "authorized to assume the provided role" in refused(states.create_state_machine, **machine)[1]
        assert "cannot be assumed by Lambda" in refused(functions.create_function, **function, Code=code)[1]


@pytest.mark.parametrize("trust", ["{", "{}", "[]", '"text"', '{"Statement": "text"}'])
def test_a_role_without_a_trust_policy_is_refused(actors, trust):
    iam, role = boto3.client("iam"), actors.role(trust=trust_of({"Service": STATES})).rpartition("/")[2]
    for call, given in (
        (iam.create_role, {"RoleName": "trustless", "AssumeRolePolicyDocument": trust}),
        (iam.update_assume_role_policy, {"RoleName": role, "PolicyDocument": trust}),
    ):
        with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
            call(**given)
