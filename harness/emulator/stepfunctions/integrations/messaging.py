"""SQS, SNS and EventBridge: tasks that send something.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html,
https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html,
https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from harness.emulator.stepfunctions.integrations.optimized import WAITS_FOR_TOKEN, Action, Context, Optimized
from harness.states_language.effects import Failure, Json, Result


def _no_queue(arguments: Mapping[str, Json]) -> str | None:
    """Say why the queue's own address, which the SDK calls, cannot be reached; None where it names a host."""
    url = arguments.get("QueueUrl")
    if not isinstance(url, str) or urlsplit(url).hostname:
        return None
    return f"{url}: Name or service not known"


def _with_execution(arguments: dict[str, Json], context: Context) -> dict[str, Json]:
    """Events name the state machine and the execution that sent them."""
    entries = arguments.get("Entries")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return arguments
    by = [context.get(part, {}).get("Id") for part in ("StateMachine", "Execution")]
    added = [arn for arn in by if arn]
    return {
        **arguments,
        "Entries": [
            {**entry, "Resources": [*(entry.get("Resources") or []), *added], **_detail(entry.get("Detail"))}
            for entry in entries
        ],
    }


def _detail(detail: Json) -> dict[str, Json]:
    """Return what has moto refuse a detail that is no object's JSON, as EventBridge does: a text that is no JSON."""
    try:
        return {} if not isinstance(detail, str) or isinstance(json.loads(detail), dict) else {"Detail": "malformed"}
    except ValueError:
        return {}


def _all_sent(result: Result) -> Result | Failure:
    if result.value.get("FailedEntryCount"):
        return Failure("EventBridge.FailedEntry", result.text)
    return result


SQS = Optimized(
    service="sqs",
    actions={"sendMessage": Action(waits=WAITS_FOR_TOKEN)},
    prefix="SQS",
    sdk_name="AmazonSQS",
    base_error="AmazonSQSException",
    content_type="application/x-amz-json-1.0",
    unreachable=_no_queue,
)
SNS = Optimized(
    service="sns",
    actions={"publish": Action(waits=WAITS_FOR_TOKEN)},
    prefix="SNS",
    sdk_name="AmazonSNS",
    base_error="AmazonSNSException",
    content_type="text/xml",
)
EVENTS = Optimized(
    service="events",
    actions={"putEvents": Action(waits=WAITS_FOR_TOKEN, prepare=_with_execution, finish=_all_sent)},
    prefix="EventBridge",
    sdk_name="AmazonEventBridge",
    base_error="AmazonEventBridgeException",
    headers=(),
)
