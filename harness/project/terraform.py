"""A project that Terraform deploys: applied where boto3's variables lead, and read.

Nothing is written into the project, and no state of the team's is touched: a copy is applied, with its state beside it.
https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.project.stack import DeployedResource, DeployedStack
from harness.project.template import TemplateError

_LEFT_OUT = (".git", ".venv", ".terraform", "*.tfstate", "*.tfstate.*", "node_modules", "__pycache__", ".harness")
_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'
_TYPES = {
    "aws_cloudwatch_event_bus": "AWS::Events::EventBus",
    "aws_cloudwatch_event_rule": "AWS::Events::Rule",
    "aws_cloudwatch_log_group": "AWS::Logs::LogGroup",
    "aws_dynamodb_table": "AWS::DynamoDB::Table",
    "aws_iam_role": "AWS::IAM::Role",
    "aws_kinesis_stream": "AWS::Kinesis::Stream",
    "aws_lambda_function": "AWS::Lambda::Function",
    "aws_s3_bucket": "AWS::S3::Bucket",
    "aws_sfn_state_machine": "AWS::StepFunctions::StateMachine",
    "aws_sns_topic": "AWS::SNS::Topic",
    "aws_sqs_queue": "AWS::SQS::Queue",
    "aws_ssm_parameter": "AWS::SSM::Parameter",
}
"""By CloudFormation's names, under which tests find their kind; others keep Terraform's."""


def apply(root: Path, module: Path, scratch: Path, values: Mapping[str, str], name: str) -> DeployedStack:
    """Apply the Terraform project *module* where this process's AWS variables lead.

    Args:
        root: folder that holds all files of the project; copied.
        module: of the root module, below *root*.
        scratch: an empty folder for the copy and the state.
        values: of its variables.
        name: what to call it.

    Returns:
        its resources by address, ``aws_sfn_state_machine.orders``, and its outputs.

    Raises:
        TemplateError: there is no Terraform, or it ended with an error; the message has its words.
    """
    if shutil.which("terraform") is None:
        raise TemplateError(f"{module}: Terraform is not installed here, or not on PATH")
    copy = scratch / "project"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    folder = copy / module.relative_to(root)
    (folder / "harness_override.tf").write_text(_LOCAL_STATE)
    given = [f"-var={key}={value}" for key, value in values.items()]
    _run(folder, "init", "-no-color", "-input=false")
    _run(folder, "apply", "-no-color", "-input=false", "-auto-approve", *given)
    shown = json.loads(_run(folder, "show", "-json"))["values"]
    outputs = {
        key: item["value"] if isinstance(item["value"], str) else json.dumps(item["value"])
        for key, item in shown.get("outputs", {}).items()
    }
    found = {item["address"]: _resource(item) for item in _resources(shown["root_module"])}
    return DeployedStack(name, outputs, found, [])


def _resource(item: Mapping[str, Any]) -> DeployedResource:
    kind = _TYPES.get(item["type"], item["type"])
    return DeployedResource(item["address"], str(item["values"].get("id", "")), kind)


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in module.get("resources", ()):
        if item["mode"] == "managed":
            yield item
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["terraform", *arguments], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise TemplateError(f"terraform {arguments[0]} in {folder}:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout
