"""template.yaml: valid for AWS's own tools, planned as any project's, and deployed by that very plan."""

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from rich.console import Console

from harness.project.configuration import Configuration
from harness.project.expand import expand
from harness.project.plan import ProjectPlan, deploy_project, plan_project
from harness.project.stack import StackFailure
from harness.project.template import TemplateError
from harness.project.zipping import zip_folder
from harness.scones.bring_up import BringUpOptions, bring_up, rehearse_scones
from harness.scones.demo import DemoOptions
from harness.scones.workflow import deploy_scones, destroy_scones, find_deployed, plan_scones
from harness.settings import Settings
from tests.deployed import machine, policies

PARAMETERS = {"BucketName": "images", "EndpointName": "the-endpoint", "Threshold": "0.8"}
SETTINGS = Settings(bucket="twice", endpoint="twice-endpoint", threshold=0.8)


@pytest.mark.slow
def test_cfn_lint_finds_nothing(root):
    checked = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "template.yaml"], cwd=root, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


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


@pytest.fixture
def named(monkeypatch):
    """The stack and its role under the names of *renamed*."""
    monkeypatch.setattr("harness.scones.names.STACK", "twice")
    monkeypatch.setattr("harness.scones.workflow.SAGEMAKER_ROLE", "twice-scones-sagemaker-execution")


@pytest.fixture
def scones(renamed, named, target):
    session = boto3.Session()
    plan = plan_scones(session, SETTINGS, renamed)
    yield deploy_scones(plan, session)
    destroy_scones(plan, session)


def test_values_and_references_are_resolved(scones):
    functions = scones.session.client("lambda")
    variables = {
        name: functions.get_function_configuration(FunctionName=f"twice-{name}ImageData").get("Environment", {})
        for name in ("classify", "threshold", "serialize")
    }
    assert variables["classify"]["Variables"] == {"ENDPOINT_NAME": "twice-endpoint"}
    assert variables["threshold"]["Variables"] == {"THRESHOLD": "0.8"}
    statement, _ = policies(scones)["twice-scones-serialize-image-data"]["read-images"]["Statement"]
    assert statement["Resource"] == f"arn:aws:s3:::{scones.bucket}/*"


def test_the_state_machine_is_the_one_that_was_asked_for_and_logged(scones):
    described = machine(scones)
    region, account = described["stateMachineArn"].split(":")[3:5]
    group = f"arn:aws:logs:{region}:{account}:log-group:/aws/vendedlogs/states/ImageClassificationStateMachine:*"
    assert described["loggingConfiguration"] == {
        "level": "ALL",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group.replace("/aws/", "twice-/aws/")}}],
    }
    definition = json.loads(described["definition"])
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
                "FunctionName": f"arn:aws:lambda:{region}:{account}:function:twice-{function}:$LATEST",
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


def planned(template, parameters=PARAMETERS, **more):
    return plan_project(Configuration(template, "stack", parameters), boto3.Session(), **more)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("!GetAtt SerializeRole.Arn", "!GetAtt [SerializeRole"), "not YAML"),
        (("lambdas/serialize_image_data", "lambdas/nowhere"), "SerializeFunction: there is no .*nowhere"),
        (("statemachine/image_batch.asl.json", "nowhere.json"), "ImageBatchStateMachine: there is no .*nowhere.json"),
        (("Resources:", "Resources: ["), "not YAML"),
    ],
)
def test_what_cannot_be_used_is_named(root, tmp_path, target, change, message):
    text = (root / "template.yaml").read_text()
    assert change[0] in text
    (tmp_path / "lambdas").symlink_to(root / "lambdas")
    (tmp_path / "statemachine").symlink_to(root / "statemachine")
    (tmp_path / "template.yaml").write_text(text.replace(*change))
    with pytest.raises(TemplateError, match=message):
        planned(tmp_path / "template.yaml")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"BucketName": "b"}, "a value is needed for EndpointName"),
        ({**PARAMETERS, "Bucket": "b"}, "the template has no parameter Bucket"),
    ],
)
def test_parameters_are_checked(root, target, parameters, message):
    with pytest.raises(TemplateError, match=message):
        planned(root / "template.yaml", parameters)


def test_what_aws_takes_for_a_parameter_is_cloudformations_to_say(root, target):
    with pytest.raises(Exception, match="LogRetentionDays"):
        plan = planned(root / "template.yaml", {**PARAMETERS, "LogRetentionDays": "2"})
        deploy_project(plan, boto3.Session())


def test_a_package_is_the_same_whenever_the_files_are(root, tmp_path):
    folder = root / "lambdas" / "serialize_image_data"
    (tmp_path / "lambda_function.py").write_bytes((folder / "lambda_function.py").read_bytes())
    assert zip_folder(folder) == zip_folder(tmp_path)
    (tmp_path / "lambda_function.py").write_text("other")
    assert zip_folder(folder) != zip_folder(tmp_path)


@pytest.mark.slow
def test_an_account_is_shown_what_the_transform_makes(root, target):
    (stack,) = planned(root / "template.yaml", is_local=False).stacks
    assert {kind for kind in stack.resources.values() if "Serverless" in kind} == set()
    assert len(stack.resources) == 26
    assert expand(stack.body, {}, "us-east-1") == stack.body  # nothing is left to expand


def test_the_plan_is_compared_and_printed(root, target):
    plan, same = planned(root / "template.yaml"), planned(root / "template.yaml")
    assert plan == same
    assert plan != planned(root / "template.yaml", {**PARAMETERS, "Threshold": "0.5"})
    lines = list(plan.lines())
    assert "  parameter Threshold=0.8" in lines
    assert "  AWS::Serverless::Function ClassifyFunction" in lines
    assert sum(line.startswith("upload s3://") for line in lines) == 8  # 4 packages, 4 definitions


def test_code_below_the_live_folder_is_named_not_uploaded(root, target):
    (stack,) = planned(root / "template.yaml", live=root / "lambdas").stacks
    properties = json.loads(stack.body)["Resources"]["ClassifyFunction"]["Properties"]
    assert properties["CodeUri"] == {"Bucket": "hot-reload", "Key": "classify_image_data"}
    assert all(key.endswith(".json") for _, key in stack.files)


@pytest.mark.slow
def test_deploying_twice_changes_nothing_and_destroying_removes_all(renamed, named, target):
    session = boto3.Session()
    first, second, third = [], [], []
    plan = plan_scones(session, SETTINGS, renamed)
    assert find_deployed(plan, session) is None
    listed = [(request.service, request.operation) for request in rehearse_scones(plan, session)]
    assert ("cloudformation", "ExecuteChangeSet") in listed
    file = io.StringIO()
    shown = BringUpOptions(DemoOptions(renamed, Path()), dry_run=True)
    assert bring_up(shown, SETTINGS, target, Console(file=file, width=400)) == 0
    lines = [line.strip() for line in file.getvalue().splitlines()]
    assert lines[: len(list(plan.lines()))] == [line.strip() for line in plan.lines()]
    assert sum(line.startswith("cloudformation ExecuteChangeSet") for line in lines) == 1
    assert find_deployed(plan, session) is None
    deployed = deploy_scones(plan, session, first.append)
    assert "created stack twice: 26 resources" in first  # 11 roles, 6 log groups, 4 functions, 5 state machines
    assert deploy_scones(plan, session, second.append).stack == deployed.stack
    assert second == []
    changed = Settings(bucket="twice", endpoint="twice-endpoint", threshold=0.5)
    deploy_scones(plan_scones(session, changed, renamed), session, third.append)
    assert third == ["updated stack twice: 1 resources"]
    # What was lost meanwhile, as by a restart of one of the containers, is made anew.
    session.client("lambda").delete_function(FunctionName="twice-thresholdImageData")
    assert find_deployed(plan, session) is None
    healed = []
    deploy_scones(plan, session, healed.append)
    assert healed[0] == "lost since: function twice-thresholdImageData"
    assert find_deployed(plan, session) is not None
    destroy_scones(plan, session)
    names = [
        *(item["FunctionName"] for item in session.client("lambda").list_functions()["Functions"]),
        *(item["name"] for item in session.client("stepfunctions").list_state_machines()["stateMachines"]),
        *(item["RoleName"] for item in session.client("iam").list_roles()["Roles"]),
        *(item["logGroupName"] for item in session.client("logs").describe_log_groups()["logGroups"]),
    ]
    assert [name for name in names if "twice-" in name] == []
    destroy_scones(plan, session)


@pytest.mark.slow
def test_what_step_functions_local_refuses_is_left_out_on_compose_alone(renamed, named, target):
    session, lines = boto3.Session(), []
    for name in ("batch_evaluation",):  # what an old Step Functions does not know
        path = renamed / "statemachine" / f"{name}.asl.json"
        path.write_text(path.read_text().replace('"ItemReader"', '"ReaderOfItems"'))
    plan = plan_scones(session, Settings(target="compose", bucket="twice", endpoint="twice-endpoint"), renamed)
    left_out = plan.stack.resources.keys() - plan.instead.resources.keys()
    assert left_out == {"BatchEvaluationStateMachine", "BatchEvaluationInlineStateMachine"}
    deployed = deploy_scones(plan, session, lines.append)
    assert not left_out & deployed.stack.resources.keys()
    assert machine(deployed)["loggingConfiguration"]["level"] == "OFF"
    assert any(line.startswith("left out BatchEvaluationInlineStateMachine, BatchEval") for line in lines)
    here = plan_scones(session, SETTINGS, renamed)
    assert here.instead is None
    with pytest.raises(StackFailure, match=r"BatchEvaluation.*Invalid State Machine Definition"):
        deploy_scones(here, session)
    destroy_scones(here, session)
    assert ProjectPlan((plan.stack,)) != ProjectPlan((plan.instead,))
