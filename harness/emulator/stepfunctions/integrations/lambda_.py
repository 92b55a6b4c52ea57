"""Lambda: ``arn:aws:states:::lambda:invoke``, and tasks that name the function itself.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.emulator.door.members import blob
from harness.emulator.stepfunctions.integrations.optimized import (
    WAITS_FOR_TOKEN,
    Action,
    Context,
    Optimized,
    sdk_metadata,
)
from harness.emulator.stepfunctions.integrations.reach import Answer, Caller, Reach, Refused, Unreachable
from harness.emulator.stepfunctions.integrations.values import as_text
from harness.states_language.effects import Failure, Json, Result

_UNKNOWN = "Lambda.Unknown"


@dataclass(frozen=True)
class Lambda(Optimized):
    """Its payload is JSON, which the task gets as it is, to the character."""

    def request(self, action: str, arguments: Json, context: Context) -> dict[str, Any]:
        """Return what to call Lambda with; ``Payload`` is sent as JSON text.

        Args:
            action: as the Task's ARN names it, ``invoke``.
            arguments: ``Parameters`` or ``Arguments``, evaluated.
            context: of the execution.
        """
        if isinstance(arguments, dict) and "Payload" in arguments:
            payload = arguments["Payload"]  # null is no payload, for which Lambda has an empty object
            arguments = {**arguments, "Payload": "{}" if payload is None else _text(payload)}
        return super().request(action, arguments, context)

    def check(self, action: str, arguments: Json) -> None:
        """Refuse what a function could not be invoked with: every payload is good, and need not be written for that."""
        if isinstance(arguments, dict) and "Payload" in arguments:
            arguments = {**arguments, "Payload": "{}"}
        super().request(action, arguments, {})

    def call(self, reach: Reach, action: str, arguments: Json, context: Context, caller: Caller) -> Result | Failure:
        """Invoke the function once.

        Args:
            reach: calls services.
            action: as the Task's ARN names it, ``invoke``.
            arguments: ``Parameters`` or ``Arguments``, evaluated.
            context: of the execution.
            caller: for whom, and where.
        """
        answer = self._invoke(reach, self.request(action, arguments, context), caller)
        return _compact(answer) if isinstance(answer, Failure) else _whole(answer)

    def call_function(self, reach: Reach, arn: str, text: str, caller: Caller) -> Result | Failure:
        """Invoke a function that the state names by its ARN; the task gets its payload alone.

        Args:
            reach: calls services.
            arn: of the function, with a qualifier or without.
            text: the payload, JSON.
            caller: for whom, and where.
        """
        answer = self._invoke(reach, {"FunctionName": arn, "Payload": text.encode()}, caller)
        if isinstance(answer, Failure):
            return answer
        payload = blob(answer.output, "Payload").decode(errors="replace")
        value, payload = _read(payload)
        return Result(value, payload)

    def _invoke(self, reach: Reach, parameters: dict[str, Any], caller: Caller) -> Answer | Failure:
        try:
            answer = reach("lambda", "Invoke", parameters, caller)
        except (Refused, Unreachable) as error:
            return self.failure(error, self.model("invoke"))
        if answer.output.get("FunctionError"):
            return _function_failure(blob(answer.output, "Payload").decode(errors="replace"))
        return answer


def _compact(failure: Failure) -> Failure:
    """Write a function's error anew, as ``lambda:invoke`` does, where the function's own ARN keeps its text."""
    try:
        return replace(failure, cause=as_text(json.loads(failure.cause or "")))
    except ValueError:
        return failure


def _text(payload: Json) -> str:
    """Return what the function is sent: a text that is JSON itself goes as it is, as with any SDK."""
    try:
        json.loads(payload)
    except (TypeError, ValueError):
        return as_text(payload)
    return str(payload)


def _function_failure(payload: str) -> Failure:
    try:
        return Failure(str(json.loads(payload)["errorType"] or _UNKNOWN), payload)
    except (KeyError, TypeError, ValueError):
        words = "The cause could not be determined because Lambda did not return an error type. Returned payload: "
        return Failure(_UNKNOWN, words + payload)


def _read(payload: str) -> tuple[Json, str]:
    """Read *payload*; returns it as JSON too: Lambda answers an asynchronous invocation with nothing at all."""
    try:
        return json.loads(payload), payload
    except ValueError:
        return payload, as_text(payload)


def _whole(answer: Answer) -> Result:
    output: Mapping[str, Any] = answer.output
    payload = output.get("Payload") or b""
    value, text = _read(payload.decode(errors="replace"))
    made_up = {
        "x-amz-executed-version": str(output.get("ExecutedVersion", "")),
        "x-amzn-remapped-content-length": "0",
        "content-length": str(len(payload)),
        "content-type": "application/json",
        **({"x-amz-log-result": output["LogResult"]} if output.get("LogResult") else {}),
    }
    shown = {name: output[name] for name in ("ExecutedVersion", "LogResult") if output.get(name)}
    metadata = sdk_metadata(answer, _HEADERS if shown.get("ExecutedVersion") else _HEADERS[2:], made_up)
    status = output.get("StatusCode", answer.status)
    members = [f"{as_text(name)}:{as_text(part)}" for name, part in shown.items()]
    members.append(f'"Payload":{text}')
    members += [f"{as_text(name)}:{as_text(part)}" for name, part in metadata.items()]
    members.append(f'"StatusCode":{status}')
    return Result({**shown, "Payload": value, **metadata, "StatusCode": status}, "{" + ",".join(members) + "}")


_HEADERS = (
    "X-Amz-Log-Result",
    "X-Amz-Executed-Version",
    "x-amzn-Remapped-Content-Length",
    "Connection",
    "x-amzn-RequestId",
    "Content-Length",
    "Date",
    "X-Amzn-Trace-Id",
    "Content-Type",
)
"""The headers of Lambda's answer, in the order in which they come."""

LAMBDA = Lambda(
    service="lambda",
    actions={"invoke": Action(waits=WAITS_FOR_TOKEN)},
    prefix="Lambda",
    sdk_name="AWSLambda",
    base_error="AWSLambdaException",
)
