"""AWS's own tools, as PyPI and npm have them, deploy to the emulator; `make test-deployers` installs them."""

import os
import shutil
import subprocess
from pathlib import Path

import boto3
import pytest
import six

from harness.project.executions import run

pytestmark = pytest.mark.deployers
HERE = Path(__file__).parent


def of(folder, target_folder):
    """Runs tools in a copy of one of the projects here; gives what they printed."""
    shutil.copytree(HERE / folder, target_folder / folder)

    def tool(*command, code=0, **variables):
        if shutil.which(command[0]) is None:
            pytest.fail(f"{command[0]} is not on PATH: make test-deployers installs it")
        quiet = {"CI": "1", "CDK_DISABLE_CLI_TELEMETRY": "1", "SAM_CLI_TELEMETRY": "0"}
        done = subprocess.run(
            command,
            cwd=target_folder / folder,
            env={**os.environ, **quiet, **variables},
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return tool


def outputs(stack):
    (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {item["OutputKey"]: item["OutputValue"] for item in found["Outputs"]}


def left_over():
    """Stacks, functions, state machines, tables and queues that are there."""
    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    functions = boto3.client("lambda").list_functions()["Functions"]
    machines = boto3.client("stepfunctions").list_state_machines()["stateMachines"]
    tables = boto3.client("dynamodb").list_tables()["TableNames"]
    return [stack["StackName"] for stack in stacks], len(functions), len(machines), len(tables)


def test_the_cdk(target, tmp_path):
    cdk = of("cdk", tmp_path)
    before = left_over()
    cdk("cdk", "bootstrap", "--no-notices")
    deploy = ("cdk", "deploy", "--all", "--require-approval", "never", "--no-notices")
    said = cdk(*deploy)
    assert said.index("Resource creation Initiated") < said.index("CREATE_COMPLETE")
    made = outputs("Main")
    assert made["Loud"] == "FIRST"
    result = run(boto3.client("stepfunctions"), made["MachineArn"], {"id": "a"})
    assert result.output == {"greeting": "hello a"}

    cdk(*deploy, VARIANT="second")
    assert outputs("Main") == {**made, "Loud": "SECOND"}
    assert "Message returned: no such word" in cdk(*deploy, code=1, VARIANT="refused")
    assert outputs("Main")["Loud"] == "SECOND"
    assert "cannot be updated as it is in use by Main" in cdk(*deploy, code=1, VARIANT="other-key")

    cdk("cdk", "destroy", "--all", "--force", "--no-notices")
    assert left_over() == ([*before[0], "CDKToolkit"], *before[1:])


def test_sam(target, tmp_path):
    sam = of("sam", tmp_path)
    before = left_over()
    capabilities = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
    deploy = ("sam", "deploy", "--stack-name", "of-sam", "--resolve-s3", "--capabilities", *capabilities)
    sam("sam", "build")
    sam(*deploy)
    states, machine = boto3.client("stepfunctions"), outputs("of-sam")["Machine"]
    assert run(states, machine, {"name": "a"}).output == "hello a"
    assert "No changes to deploy" in sam(*deploy, "--no-fail-on-empty-changeset")

    template = tmp_path / "sam" / "template.yaml"
    path = '      Events: {More: {Type: Api, Properties: {Path: "/more", Method: get}}, '
    template.write_text(template.read_text().replace("      Events: {", path))
    sam("sam", "build")
    sam(*deploy, "--parameter-overrides", "Greeting=hi", "--tags", "team=a")
    assert run(states, machine, {"name": "a"}).output == "hi a"
    assert outputs("of-sam")["Machine"] == machine

    sam("sam", "delete", "--stack-name", "of-sam", "--no-prompts", "--region", "us-east-1")
    assert left_over() == (["aws-sam-cli-managed-default", *before[0]], *before[1:])


def test_aws_cloudformation_deploy(target, tmp_path):
    aws = of("sam", tmp_path)
    before, bucket = left_over(), boto3.resource("s3").create_bucket(Bucket="packaged-by-the-cli")
    shutil.copy(six.__file__, tmp_path / "sam" / "src")
    package = ("aws", "cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", bucket.name)
    aws(*package, "--output-template-file", "packaged.yaml")
    deploy = ("aws", "cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", "of-the-cli")
    deploy = (*deploy, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
    aws(*deploy)
    assert "No changes to deploy" in aws(*deploy, "--no-fail-on-empty-changeset")
    result = run(boto3.client("stepfunctions"), outputs("of-the-cli")["Machine"], {"name": "a"})
    assert result.output == "hello a"
    aws("aws", "cloudformation", "delete-stack", "--stack-name", "of-the-cli")
    aws("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", "of-the-cli")
    assert left_over() == before
    bucket.objects.delete()
    bucket.delete()
