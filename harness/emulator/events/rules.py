"""Targets of EventBridge's rules.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from harness.emulator.events.deliveries import Deliveries
from harness.states_language import jsonpath
from harness.states_language.errors import EvaluationError, SyntaxFault

SERVICE = "events.amazonaws.com"
_PLACE = re.compile(r"<([^<>]+)>")

logger = logging.getLogger(__name__)


def deliver(deliveries: Deliveries, rule: str, event: Mapping[str, Any], target: Mapping[str, Any]) -> bool:
    """Send *event* to *target*, as PutTargets has it; False where nothing here can be such a target.

    Args:
        deliveries: hand it over.
        rule: ARN.
        event: that the rule matches.
        target: one of the rule's.
    """
    arn = str(target["Arn"])
    given = input_of(target, event)
    service = arn.split(":")[2]
    if service == "lambda":
        deliveries.invoke(arn, given, SERVICE, rule)
    elif service == "states":
        deliveries.start(arn, given, target.get("RoleArn"), rule.rpartition("/")[2])
    elif service == "sqs":
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        deliveries.send(arn, given if isinstance(given, str) else json.dumps(given), group)
    elif service == "sns":
        deliveries.publish(arn, given if isinstance(given, str) else json.dumps(given))
    else:
        return False
    return True


def input_of(target: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """What *target* gets of *event*: all, a constant, a part, or what a template makes of it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    if target.get("Input") is not None:
        return _json_or_text(str(target["Input"]))
    if target.get("InputPath") is not None:
        return _at(str(target["InputPath"]), event)
    transformer = target.get("InputTransformer")
    if not transformer:
        return event
    paths = transformer.get("InputPathsMap") or {}
    values = {name: _at(path, event) for name, path in paths.items()}
    values["aws.events.event.json"] = event
    template = str(transformer["InputTemplate"])

    def put(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        before = template[: match.start()]
        within_text = before.count('"') - before.count('\\"')
        if isinstance(value, str):
            # Inside quotation marks the text itself; elsewhere it brings its own.
            return json.dumps(value)[1:-1] if within_text % 2 else json.dumps(value)
        text = json.dumps(value, separators=(",", ":"))
        return json.dumps(text)[1:-1] if within_text % 2 else text

    return _json_or_text(_PLACE.sub(put, template))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _at(path: str, event: Mapping[str, Any]) -> Any:
    try:
        return jsonpath.compile(path).evaluate(event, {}, {})
    except (EvaluationError, SyntaxFault):
        return None
