"""A project of Terraform's. A program stands in for Terraform: it makes a bucket and tells of it as Terraform does."""

import json
import stat
import sys

import boto3
import pytest

from harness.project.configuration import read_configuration
from harness.project.plan import plan_project
from harness.project.template import TemplateError
from harness.project.terraform import apply
from harness.testing.stack import StackUnderTest

STANDS_IN = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
'''
import json, pathlib, sys
import boto3
command = sys.argv[1]
assert "backend" in pathlib.Path("harness_override.tf").read_text()
if command == "apply":
    name = next(a.partition("=")[2] for a in sys.argv if a.startswith("-var=name=")).partition("=")[2]
    if name == "refused":
        sys.exit("Error: no such name")
    boto3.client("s3").create_bucket(Bucket=name)
    pathlib.Path("made").write_text(name)
if command == "show":
    name = pathlib.Path("made").read_text()
    bucket = dict(address="module.a.aws_s3_bucket.b", mode="managed", type="aws_s3_bucket", values=dict(id=name))
    read = dict(address="data.aws_region.r", mode="data", type="aws_region", values=dict())
    outputs = dict(bucket=dict(value=name), all=dict(value=[name]))
    module = dict(resources=[read], child_modules=[dict(resources=[bucket])])
    print(json.dumps(dict(values=dict(outputs=outputs, root_module=module))))
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(STANDS_IN.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    folder = tmp_path / "project"
    (folder / "infra").mkdir(parents=True)
    (folder / "infra" / "main.tf").write_text('terraform { backend "s3" {} }')
    (folder / "infra" / "terraform.tfstate").write_text("the team's")
    (folder / "pyproject.toml").write_text(
        '[tool.harness]\nterraform = "infra"\nparameters = {name = "of-terraform"}\n'
    )
    return folder


def test_it_is_applied_in_a_copy_and_read_by_address(project, target, tmp_path):
    configuration = read_configuration(project)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    deployed = apply(project, configuration.template, scratch, configuration.parameters, configuration.stack)
    stack = StackUnderTest(deployed, boto3.Session(), "123456789012")
    try:
        assert stack["module.a.aws_s3_bucket.b"].arn == "arn:aws:s3:::of-terraform"
        assert list(stack) == ["module.a.aws_s3_bucket.b"]
        assert (stack.outputs["bucket"], json.loads(stack.outputs["all"])) == ("of-terraform", ["of-terraform"])
        assert sorted(path.name for path in (project / "infra").iterdir()) == ["main.tf", "terraform.tfstate"]
        assert not list(scratch.rglob("*.tfstate"))
    finally:
        boto3.client("s3").delete_bucket(Bucket="of-terraform")


def test_what_terraform_says_is_told(project, target, tmp_path):
    configuration = read_configuration(project, parameters={"name": "refused"})
    with pytest.raises(TemplateError, match=r"terraform apply in .*infra:\nError: no such name"):
        apply(project, configuration.template, tmp_path / "scratch", configuration.parameters, "mine")


def test_the_command_leaves_it_to_terraform(project, target):
    with pytest.raises(TemplateError, match="terraform apply"):
        plan_project(read_configuration(project), boto3.Session())
