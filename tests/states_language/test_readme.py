"""The package's README: its examples run as they stand there, one after the other."""

import json
import re
from pathlib import Path

import harness.states_language

README = Path(harness.states_language.__file__).with_name("README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_a_definition_runs_in_three_lines(capsys):
    lines = [line for line in BLOCKS[0].splitlines() if line and not line.startswith("from ")]
    assert len(lines) == 3
    exec(BLOCKS[0], {})
    assert capsys.readouterr().out == 'SUCCEEDED "hello"\n'


def test_effects_are_answered_as_it_says():
    named = {}
    exec(BLOCKS[0], named)
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"n": 1}, "Next": "Wait"}
    states = {"Call": task, "Wait": {"Type": "Wait", "Seconds": 60, "End": True}}
    machine = {"StartAt": "Call", "States": states}
    called = []

    def call(resource, arguments):
        called.append((resource, arguments))
        return {"said": arguments["n"] + 1}

    named["execution"] = named["Execution"](named["parse"](json.dumps(machine)), input={})
    exec(BLOCKS[1], named | {"call": call})
    assert called == [("arn:aws:states:::lambda:invoke", {"n": 1})]
    assert (named["execution"].status, named["execution"].output.text) == ("SUCCEEDED", '{"said":2}')
