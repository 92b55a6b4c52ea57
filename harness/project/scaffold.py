"""A project to begin with: one function, one state machine, one test, one fixture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Description: Says hello.

Globals:
  Function:
    Runtime: python3.12
    Timeout: 10

Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/greet
      Handler: app.handler

  Greeting:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: statemachine/greeting.asl.json
      DefinitionSubstitutions:
        GreetArn: !GetAtt Greet.Arn
      Policies:
        - LambdaInvokePolicy:
            FunctionName: !Ref Greet

Outputs:
  GreetingArn:
    Value: !Ref Greeting
"""
_FUNCTION = '''\
"""Greets whoever is named."""


class NobodyNamed(Exception):
    """There is nobody to greet."""


def handler(event, context):
    name = event.get("name")
    if not name:
        raise NobodyNamed("the event has no name")
    return {"greeting": f"Hello, {name}!"}
'''
_MACHINE = """\
{
  "Comment": "Greets, waits a minute, is done.",
  "StartAt": "Greet",
  "States": {
    "Greet": {
      "Type": "Task",
      "Resource": "${GreetArn}",
      "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "MaxAttempts": 3}],
      "Next": "Pause"
    },
    "Pause": {"Type": "Wait", "Seconds": 60, "Next": "Done"},
    "Done": {"Type": "Succeed"}
  }
}
"""
_TEST = '''\
"""The state machine, on the emulator: python -m pytest -m local"""

import pytest

pytestmark = pytest.mark.local


def test_it_greets(run, clock):
    execution = run("Greeting", {"name": "world"})
    assert execution.status == "SUCCEEDED"
    assert execution.output == {"greeting": "Hello, world!"}
    assert execution.states == ["Greet", "Pause", "Done"]


def test_nobody_is_no_name(run, greeting):
    execution = run(greeting, {})
    assert execution.error == "NobodyNamed"


def test_a_busy_function_is_tried_again(run, clock, faults):
    faults.add(function="Greet", error="Lambda.TooManyRequestsException", times=1)
    assert run("Greeting", {"name": "world"}).status == "SUCCEEDED"
'''
_CONFTEST = '''\
"""Fixtures of this project's tests; `stack`, `run`, `clock`, `faults` come with the harness."""

import pytest


@pytest.fixture(scope="session")
def greeting(stack):
    """ARN of the state machine."""
    return stack["Greeting"].arn
'''
_PYPROJECT = """\
[tool.harness]
template = "template.yaml"
stack = "{name}"

[tool.pytest.ini_options]
testpaths = ["tests"]
"""


def scaffold(folder: Path) -> Iterator[Path]:
    """Write a project's first files into *folder*; what is there stays.

    Yields:
        Each file that was written.

    Raises:
        ValueError: there is a template already.
    """
    name = re.sub(r"[^A-Za-z0-9-]+", "-", folder.resolve().name).strip("-") or "greeting"
    files = {
        "template.yaml": _TEMPLATE,
        "functions/greet/app.py": _FUNCTION,
        "statemachine/greeting.asl.json": _MACHINE,
        "tests/conftest.py": _CONFTEST,
        "tests/test_greeting.py": _TEST,
        "pyproject.toml": _PYPROJECT.format(name=name if name[0].isalpha() else f"stack-{name}"),
    }
    yield from write_files(folder, {path: text.encode() for path, text in files.items()})


def write_files(folder: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """Write a project's first files, by their paths below *folder*; what is there stays.

    Yields:
        Each file that was written.

    Raises:
        ValueError: there is a template already.
    """
    if (folder / "template.yaml").exists():
        raise ValueError(f"there is a template in {folder} already: `harness deploy` takes it")
    for path, content in files.items():
        target = folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            yield target
