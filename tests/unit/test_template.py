"""template.yaml: valid for AWS's own tools, and read here as those read it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.project.install import deploy, destroy, package
from harness.project.template import TemplateError, read_plan
from harness.scones.workflow import plan_scones
from harness.settings import Settings

ACCOUNT, REGION = "123456789012", "us-east-1"
PARAMETERS = {"BucketName": "images", "EndpointName": "the-endpoint", "Threshold": "0.8"}


@pytest.fixture(scope="module")
def plan(root):
    return read_plan(root / "template.yaml", PARAMETERS, account_id=ACCOUNT, region=REGION)


@pytest.mark.slow
def test_cfn_lint_finds_nothing(root):
    checked = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "template.yaml"], cwd=root, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def translated(root):
    """The template as AWS's own translator turns it into CloudFormation."""
    from cfnlint.decode.cfn_yaml import load
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    template = json.loads(json.dumps(load(str(root / "template.yaml"))))
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        if "CodeUri" in properties:  # as `sam package` does
            properties["CodeUri"] = {"Bucket": "bucket", "Key": properties["CodeUri"]}
        if "DefinitionUri" in properties:
            properties["DefinitionUri"] = {"Bucket": "bucket", "Key": properties["DefinitionUri"]}
    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), boto_session=session).translate(template, PARAMETERS)


@pytest.mark.slow
def test_the_plan_agrees_with_the_translator(plan, translated):
    functions = {
        resource["Properties"]["FunctionName"]: resource["Properties"]
        for resource in translated["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert functions.keys() == {function.name for function in plan.functions}
    for function in plan.functions:
        theirs = functions[function.name]
        assert (function.runtime, function.handler) == (theirs["Runtime"], theirs["Handler"])
        assert (function.timeout, function.memory_mb) == (theirs["Timeout"], theirs["MemorySize"])
        assert function.code.as_posix().endswith(theirs["Code"]["S3Key"])
        assert function.variables.keys() == theirs.get("Environment", {}).get("Variables", {}).keys()
    kinds = {resource["Type"] for resource in translated["Resources"].values()}
    assert kinds == {
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::Lambda::Function",
        "AWS::StepFunctions::StateMachine",
    }
    roles = [r for r in translated["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    names = {role["Properties"]["RoleName"]["Fn::Sub"] for role in roles}
    assert names == {f"{role.name}${{RoleSuffix}}" for role in plan.roles}


def test_values_and_references_are_resolved(plan):
    functions = {function.name: function for function in plan.functions}
    assert functions["classifyImageData"].variables == {"ENDPOINT_NAME": "the-endpoint"}
    assert functions["thresholdImageData"].variables == {"THRESHOLD": "0.8"}
    assert functions["serializeImageData"].role_arn == f"arn:aws:iam::{ACCOUNT}:role/scones-serialize-image-data"
    roles = {role.name: role for role in plan.roles}
    statement, _ = roles["scones-serialize-image-data"].policies["read-images"]["Statement"]
    assert statement["Resource"] == "arn:aws:s3:::images/*"
    assert roles["scones-serialize-image-data"].trust["Version"] == "2012-10-17"


def test_the_state_machine_is_logged(plan):
    machine, *_ = plan.state_machines
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/vendedlogs/states/ImageClassificationStateMachine:*"
    assert machine.logging == {
        "level": "ALL",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }


def test_the_definition_is_the_one_that_was_asked_for(plan):
    machine, *_ = plan.state_machines
    assert machine.name == "ImageClassificationStateMachine"
    definition = json.loads(machine.definition)
    names = ["Lambda Invoke(serializeImageData)", "Lambda Invoke(ClassifyImageData)", "Lambda Invoke(CheckThreshold)"]
    functions = ["serializeImageData", "classifyImageData", "thresholdImageData"]
    assert definition["StartAt"] == names[0]
    assert list(definition["States"]) == names
    for number, (name, function) in enumerate(zip(names, functions, strict=True)):
        state = dict(definition["States"][name])
        assert (state.pop("Next", None), state.pop("End", None)) == ([*names, None][number + 1], number == 2 or None)
        assert state == {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "OutputPath": "$.Payload",
            "Parameters": {
                "FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:$LATEST",
                "Payload.$": "$",
            },
            "Retry": [
                {
                    "ErrorEquals": [
                        "Lambda.ServiceException",
                        "Lambda.AWSLambdaException",
                        "Lambda.SdkClientException",
                    ],
                    "IntervalSeconds": 2,
                    "MaxAttempts": 6,
                    "BackoffRate": 2,
                }
            ],
        }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            (
                "BatchEvaluationInlineStateMachine:\n    Type: AWS::Serverless::StateMachine",
                "Q:\n    Type: AWS::SQS::Queue",
            ),
            "AWS::SQS::Queue is not supported by the local targets",
        ),
        (("!GetAtt SerializeRole.Arn", "!ImportValue Role"), "Fn::ImportValue is not supported"),
        (("!GetAtt SerializeRole.Arn", "!GetAtt Nothing.Arn"), "Nothing.Arn is not supported"),
        (("      FunctionName: serializeImageData\n", ""), "SerializeFunction.FunctionName: needed"),
        (("lambdas/serialize_image_data", "lambdas/nowhere"), "CodeUri: there is no folder"),
        (("SerializeFunctionArn:", "OtherArn:"), "wants 'SerializeFunctionArn'"),
        (("Resources:", "Resources: ["), "not YAML"),
    ],
)
def test_what_is_not_supported_is_named(root, tmp_path, change, message):
    text = (root / "template.yaml").read_text()
    assert change[0] in text
    (tmp_path / "lambdas").symlink_to(root / "lambdas")
    (tmp_path / "statemachine").symlink_to(root / "statemachine")
    (tmp_path / "template.yaml").write_text(text.replace(*change))
    with pytest.raises(TemplateError, match=message):
        read_plan(tmp_path / "template.yaml", PARAMETERS, account_id=ACCOUNT, region=REGION)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"BucketName": "b"}, "Parameters.EndpointName: a value is needed"),
        ({**PARAMETERS, "Bucket": "b"}, "the template has no Bucket"),
        ({**PARAMETERS, "LogRetentionDays": "2"}, "LogRetentionDays: '2' is not one of 1, 3"),
    ],
)
def test_parameters_are_checked(root, parameters, message):
    with pytest.raises(TemplateError, match=message):
        read_plan(root / "template.yaml", parameters, account_id=ACCOUNT, region=REGION)


def test_a_package_is_the_same_whenever_the_files_are(root, tmp_path):
    folder = root / "lambdas" / "serialize_image_data"
    (tmp_path / "lambda_function.py").write_bytes((folder / "lambda_function.py").read_bytes())
    assert package(folder) == package(tmp_path)
    (tmp_path / "lambda_function.py").write_text("other")
    assert package(folder) != package(tmp_path)


@pytest.fixture
def renamed(root, tmp_path):
    """The template with names of its own: others of this session may have deployed it as it is."""
    text = (root / "template.yaml").read_text()
    text = re.sub(
        r"^(\s+(?:RoleName|FunctionName|Name|LogGroupName): (?:!Sub )?(?:/aws/lambda/)?)", r"\1twice-", text, flags=re.M
    )
    (tmp_path / "template.yaml").write_text(text)
    for name in ("lambdas", "statemachine"):
        shutil.copytree(root / name, tmp_path / name)
    return tmp_path


def test_deploying_twice_changes_nothing_and_destroying_removes_all(renamed, target):
    session = boto3.Session()
    first, second, third = [], [], []
    plan = read_plan(renamed / "template.yaml", PARAMETERS, account_id=ACCOUNT, region=REGION)
    deployed = deploy(plan, session, first.append)
    assert len(first) == 26  # 11 roles, 6 log groups, 4 functions, 5 state machines
    assert deploy(plan, session, second.append) == deployed
    assert second == []
    changed = {**PARAMETERS, "Threshold": "0.5"}
    other = read_plan(renamed / "template.yaml", changed, account_id=ACCOUNT, region=REGION)
    deploy(other, session, third.append)
    assert third == ["updated configuration of twice-thresholdImageData"]
    destroy(plan, session)
    names = [
        *(item["FunctionName"] for item in session.client("lambda").list_functions()["Functions"]),
        *(item["name"] for item in session.client("stepfunctions").list_state_machines()["stateMachines"]),
        *(item["RoleName"] for item in session.client("iam").list_roles()["Roles"]),
        *(item["logGroupName"] for item in session.client("logs").describe_log_groups()["logGroups"]),
    ]
    assert [name for name in names if "twice-" in name] == []
    destroy(plan, session)


class Refusing(boto3.Session):
    """A session whose Step Functions knows no Distributed Map, as AWS's own Step Functions Local."""

    def client(self, service, **options):
        client = super().client(service, **options)
        if service == "stepfunctions":
            client.meta.events.register("before-parameter-build.sfn.CreateStateMachine", self._refuse)
        return client

    def _refuse(self, params, **_):
        if '"DISTRIBUTED"' in params["definition"]:
            params["definition"] = "{}"


def test_what_step_functions_local_refuses_is_left_out_on_compose_alone(renamed, target):
    distributed = {"twice-BatchEvaluationStateMachine", "twice-BatchEvaluationInlineStateMachine"}
    lines = []
    plan = plan_scones(Refusing(), Settings(target="compose"), renamed)
    assert set(plan.optional) == distributed
    deployed = deploy(plan.resources, Refusing(), lines.append, optional=plan.optional)
    destroy(plan.resources, boto3.Session())
    assert not distributed & set(deployed.state_machine_arns)
    assert "twice-ImageClassificationStateMachine" in deployed.state_machine_arns
    assert sum(line.startswith("left out state machine twice-Batch") for line in lines) == 2
    here = plan_scones(Refusing(), Settings(), renamed)
    assert here.optional == ()
    with pytest.raises(ClientError, match="InvalidDefinition"):
        deploy(here.resources, Refusing(), optional=here.optional)
    destroy(here.resources, boto3.Session())
