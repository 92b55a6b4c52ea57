"""What AWS's console exported is what comes of the same definition, input and answers."""

import json
import re
from pathlib import Path

import pytest

from harness.states_language.context_object import Identity
from harness.states_language.definition import parse
from harness.states_language.effects import CallResource, Cancel, Failure, Result, Wait
from harness.states_language.execution import Execution
from harness.states_language.text import Payload, dumps, loads

EXPORTS = Path(__file__).parents[3] / "shared" / "data" / "aws-truth" / "executions"
NAMES = sorted(path.stem for path in EXPORTS.glob("*.json")) or ["none"]
_ENDS = re.compile(r"(Task|LambdaFunction)(Succeeded|Failed|TimedOut)")


def _details(event):
    return next((value for key, value in event.items() if key.endswith("EventDetails") and value), None)


def _text(value):
    """Return a payload's text; some exports hold the value."""
    return value if isinstance(value, str) else dumps(value)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items() if member is not None}
    return value


@pytest.mark.skipif(NAMES == ["none"], reason="the console's exports are not beside the project")
@pytest.mark.parametrize("name", NAMES)
def test_an_export_is_what_comes_of_its_answers(name):
    export = json.loads((EXPORTS / f"{name}.json").read_text())
    events = sorted(export["historyHash"].values(), key=lambda event: event["id"])
    answers = [event for event in events if _ENDS.fullmatch(event["type"])]
    identity = Identity(
        execution_arn=export["execution"]["executionArn"],
        role_arn=_details(events[0])["roleArn"],
        region=export["execution"]["executionArn"].split(":")[3],
    )
    text = _text(_details(events[0])["input"])
    execution = Execution(parse(export["stateMachine"]["definition"]), Payload(loads(text), text), 0, identity)
    redrives = sum(event["type"] == "ExecutionRedriven" for event in events)
    effects = execution.start(0.0)
    while effects or redrives:
        if not effects:
            redrives -= 1
            effects = execution.redrive(0.0)
        effect = effects.pop(0)
        if isinstance(effect, Wait) and not effect.limit:
            effects += execution.resolve(effect.id, None, effect.until)
        if not isinstance(effect, CallResource) or not answers:
            assert isinstance(effect, CallResource | Cancel | Wait)
            continue
        told = _details(answers.pop(0))
        if "output" in told and told["output"] is not None:
            output = _text(told["output"])
            reply = Result(loads(output), output)
        else:
            reply = Failure(told.get("error"), told.get("cause"))
        effects += execution.resolve(effect.id, reply, 0.0)
    assert len(execution.events) >= len(events)
    for told, made in zip(events, execution.events, strict=False):
        assert (made.type, made.id, made.previous) == (told["type"], told["id"], told["previousEventId"])
        expected, details = _plain(_details(told) or {}), _plain(made.details or {})
        for member in ("inputDetails", "outputDetails"):
            if member not in expected:
                details.pop(member, None)
        if "parameters" in expected:
            expected["parameters"] = loads(_text(expected["parameters"]))
            details["parameters"] = loads(details["parameters"])
        expected.pop("resourceType", None)
        details.pop("resourceType", None)
        assert details == expected, told["id"]
