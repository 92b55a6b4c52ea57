"""A project of one's own: begun, tested by its own pytest, deployed and removed; each in processes of its own."""

import json
import subprocess
import sys

import pytest

from harness.project.configuration import read_configuration
from harness.project.packaging import package
from harness.project.template import TemplateError
from tests.conftest import harness
from tests.waiting import until


def tried(folder, *command, code=0, **more):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *command],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_project_that_was_begun_passes_its_tests_and_tells_what_fails(tmp_path):
    folder = tmp_path / "greetings"
    subprocess.run(harness("init", folder), check=True, capture_output=True)
    (folder / "harness").mkdir()  # a folder of that name is in nobody's way
    assert "3 passed" in tried(folder, "-m", "local", "--strict-markers")
    (folder / "tests" / "test_more.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.local\n"
        "def test_fails(run):\n"
        "    assert run('Greeting', {}).status == 'SUCCEEDED'\n"
        "def test_mocked(run, clock, mocks, fresh):\n"
        "    mocks.function('Greet', {'greeting': 'mocked'})\n"
        "    assert run('Greeting', {}).output == {'greeting': 'mocked'}\n"
        "def test_unknown(stack):\n"
        "    with pytest.raises(KeyError, match='Nothing: the stack has Greet, GreetRole, Greeting'):\n"
        "        stack['Nothing']\n"
    )
    said = tried(folder, "-m", "local", "tests/test_more.py", code=1)
    assert "1 failed, 2 passed" in said
    for line in (
        "FAILED by way of Greet",
        "state:  Greet",
        "input:  {}",
        "error:  NobodyNamed",
        "the event has no name",
    ):
        assert line in said


@pytest.mark.slow
def test_it_is_deployed_and_removed_from_the_command_line(tmp_path):
    subprocess.run(harness("init", tmp_path), check=True, capture_output=True)
    up = subprocess.Popen(harness("up", "--port", "0"), cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        until((tmp_path / ".harness" / "emulator.json").exists, 60)

        def command(*words):
            done = subprocess.run(harness(*words), cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

        planned = command("deploy", "--stack", "mine", "--dry-run")
        assert "AWS::Serverless::StateMachine Greeting" in planned
        assert "mine.GreetingArn = arn:aws:states:" in command("deploy", "--stack", "mine")
        assert "created" not in command("deploy", "--stack", "mine")
        assert "deleted stack mine" in command("destroy", "--stack", "mine")
    finally:
        up.terminate()
        up.wait(20)


def test_the_project_is_what_its_files_say(tmp_path):
    with pytest.raises(TemplateError, match="there is no template in"):
        read_configuration(tmp_path)
    (tmp_path / "template.yaml").write_text("Resources: {}")
    (tmp_path / "samconfig.toml").write_text(
        '[default.deploy.parameters]\nstack_name = "sam"\nparameter_overrides = "Stage=\\"a b\\" Size=3"\n'
    )
    found = read_configuration(tmp_path)
    assert (found.stack, dict(found.parameters)) == ("sam", {"Stage": "a b", "Size": "3"})
    (tmp_path / "pyproject.toml").write_text('[tool.harness]\nstack = "ours"\nparameters = {Size = 4, On = true}\n')
    found = read_configuration(tmp_path, parameters={"On": "no"})
    assert (found.stack, dict(found.parameters)) == ("ours", {"Stage": "a b", "Size": "4", "On": "no"})
    (tmp_path / ".aws-sam" / "build").mkdir(parents=True)
    (tmp_path / ".aws-sam" / "build" / "template.yaml").write_text("Resources: {}")
    assert read_configuration(tmp_path).template == tmp_path / ".aws-sam" / "build" / "template.yaml"


def test_files_are_packaged_as_sam_package_does(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("def handler(event, context): pass")
    (tmp_path / "machine.json").write_text("{}")
    (tmp_path / "inner.yaml").write_text("Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: code}}}")
    (tmp_path / "template.yaml").write_text(
        """
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: code/}}
  G: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./code}}
  M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: machine.json}}
  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: inner.yaml}}
  I: {Type: AWS::Serverless::Function, Properties: {InlineCode: x}}
  S: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://else/where.zip}}
"""
    )
    packaged = package(tmp_path / "template.yaml", "bucket", "eu-west-1")
    resources = {name: item["Properties"] for name, item in json.loads(packaged.body)["Resources"].items()}
    assert resources["F"]["CodeUri"] == resources["G"]["CodeUri"]
    assert resources["F"]["CodeUri"]["Bucket"] == "bucket"
    assert packaged.uploads[resources["M"]["DefinitionUri"]["Key"]] == b"{}"
    assert resources["N"]["TemplateURL"].startswith("https://s3.eu-west-1.amazonaws.com/bucket/")
    inner = json.loads(packaged.uploads[resources["N"]["TemplateURL"].rpartition("/")[2]])
    assert inner["Resources"]["F"]["Properties"]["Code"]["S3Key"] == resources["F"]["CodeUri"]["Key"]
    assert (resources["I"], resources["S"]["CodeUri"]) == ({"InlineCode": "x"}, "s3://else/where.zip")
    with pytest.raises(TemplateError, match=r"Resources.F: there is no .*nothing"):
        (tmp_path / "template.yaml").write_text(
            "Resources: {F: {Type: AWS::Lambda::Function, Properties: {Code: nothing}}}"
        )
        package(tmp_path / "template.yaml", "bucket", "eu-west-1")
