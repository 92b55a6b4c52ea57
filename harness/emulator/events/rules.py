"""Targets of EventBridge's rules.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

from __future__ import annotations

import json
import logging
import re

from harness.emulator.door.members import Members, optional_text, structure, text, text_map
from harness.emulator.events.deliveries import Deliveries
from harness.states_language import jsonpath
from harness.states_language.errors import EvaluationError, SyntaxFault

SERVICE = "events.amazonaws.com"
_PLACE = re.compile(r"<([^<>]+)>")

logger = logging.getLogger(__name__)


def deliver(deliveries: Deliveries, rule: str, event: Members, target: Members) -> bool:
    """Send *event* to *target*, as PutTargets has it; False where nothing here can be such a target.

    Args:
        deliveries: hand it over.
        rule: ARN.
        event: that the rule matches.
        target: one of the rule's.
    """
    arn = text(target, "Arn")
    given = input_of(target, event)
    service = arn.split(":")[2]
    if service == "lambda":
        deliveries.invoke(arn, given, SERVICE, rule)
    elif service == "states":
        deliveries.start(arn, given, optional_text(target, "RoleArn"), rule.rpartition("/")[2])
    elif service == "sqs":
        group = optional_text(structure(target, "SqsParameters"), "MessageGroupId")
        deliveries.send(arn, given if isinstance(given, str) else json.dumps(given), group)
    elif service == "sns":
        deliveries.publish(arn, given if isinstance(given, str) else json.dumps(given))
    else:
        return False
    return True


def input_of(target: Members, event: Members) -> object:
    """Return what *target* gets of *event*: all, a constant, a part, or what a template makes of it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    if target.get("Input") is not None:
        return _json_or_text(text(target, "Input"))
    if target.get("InputPath") is not None:
        return _at(text(target, "InputPath"), event)
    transformer = structure(target, "InputTransformer")
    if not transformer:
        return event
    paths = text_map(transformer, "InputPathsMap")
    values = {name: _at(path, event) for name, path in paths.items()}
    values["aws.events.event.json"] = event
    template = text(transformer, "InputTemplate")

    def put(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        before = template[: match.start()]
        within_text = before.count('"') - before.count('\\"')
        if isinstance(value, str):
            # Inside quotation marks the text itself; elsewhere it brings its own.
            return json.dumps(value)[1:-1] if within_text % 2 else json.dumps(value)
        written = json.dumps(value, separators=(",", ":"))
        return json.dumps(written)[1:-1] if within_text % 2 else written

    return _json_or_text(_PLACE.sub(put, template))


def _json_or_text(given: str) -> object:
    try:
        return json.loads(given)
    except ValueError:
        return given


def _at(path: str, event: Members) -> object:
    try:
        return jsonpath.compile(path).evaluate(event, {}, {})
    except (EvaluationError, SyntaxFault):
        return None
