"""What SAM's translator made of a template is kept, and is what it would make again."""

import pytest

from harness.emulator.cloudformation import serverless
from harness.emulator.cloudformation.serverless import ServerlessTranslator
from harness.emulator.door.errors import AwsError

VALUES = {"AWS::StackName": "s", "AWS::StackId": "1", "Name": "n"}


def template(runtime="python3.12", **parameter):
    code = {"Bucket": "b", "Key": {"Fn::Sub": "${AWS::StackId}.zip"}}
    properties = {"FunctionName": {"Ref": "Name"}, "Runtime": runtime, "Handler": "a.b", "CodeUri": code}
    return {
        "Parameters": {"Name": {"Type": "String", **parameter}},
        "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": properties}},
    }


@pytest.fixture
def translated(monkeypatch):
    """How often AWS's translator was asked."""
    asked, original = [], serverless._translated
    monkeypatch.setattr(serverless, "_translated", lambda *given: asked.append(given) or original(*given))
    return asked


def test_a_template_is_translated_once(tmp_path, translated):
    folder = tmp_path / "kept"
    first = ServerlessTranslator(folder)(template(), VALUES, "us-east-1")
    again = ServerlessTranslator(folder)(template(), {**VALUES, "AWS::StackId": "2"}, "us-east-1")
    assert again == first == ServerlessTranslator(None)(template(), VALUES, "us-east-1")
    assert first["Resources"]["F"]["Type"] == "AWS::Lambda::Function"
    assert len(translated) == 2  # one of them by the translator that keeps nothing
    assert (folder / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("other", "values", "region"),
    [
        (template("python3.13"), VALUES, "us-east-1"),
        (template(), {**VALUES, "Name": "m"}, "us-east-1"),
        (template(), VALUES, "eu-west-1"),
    ],
)
def test_another_question_gets_another_answer(tmp_path, translated, other, values, region):
    translate = ServerlessTranslator(tmp_path)
    translate(template(), VALUES, "us-east-1")
    translate(other, values, region)
    assert len(translated) == 2


def test_a_damaged_file_is_made_anew_and_old_ones_go(tmp_path, translated, monkeypatch):
    monkeypatch.setattr(serverless, "_MOST_KEPT", 2)
    translate = ServerlessTranslator(tmp_path)
    for number in range(4):
        translate(template(), {**VALUES, "Name": str(number)}, "us-east-1")
    assert len(list(tmp_path.glob("*.json"))) == 2
    for path in tmp_path.glob("*.json"):
        path.write_text("{")
    assert translate(template(), {**VALUES, "Name": "3"}, "us-east-1")["Resources"]
    assert len(translated) == 5


def test_secrets_and_refusals_are_not_kept(tmp_path):
    translate = ServerlessTranslator(tmp_path)
    translate(template(NoEcho=True), VALUES, "us-east-1")
    with pytest.raises(AwsError, match="failed with"):
        translate({"Resources": {"F": {"Type": "AWS::Serverless::Function"}}}, VALUES, "us-east-1")
    assert list(tmp_path.iterdir()) == []
