"""Invoke and its kin.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
"""

from __future__ import annotations

import base64
import json

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, blob, optional_text, text
from harness.emulator.lambda_.invocation import FunctionVersion, Invocation
from harness.emulator.lambda_.references import reference_of
from harness.emulator.lambda_.running import FunctionRunner
from harness.emulator.lambda_.settling import Settling
from harness.emulator.limits import EVENT_REQUEST
from harness.emulator.services import Operation


class Invoking:
    """The operations that run functions.

    Args:
        runner: who runs them.
        settling: knows which are still being made.
        refuses_pending: whether those are refused, rather than told of.
    """

    def __init__(self, runner: FunctionRunner, settling: Settling, refuses_pending: bool) -> None:
        self._runner = runner
        self._settling = settling
        self._refuses_pending = refuses_pending

    def operations(self) -> dict[str, Operation]:
        """By name."""
        return {
            "Invoke": self.invoke,
            "InvokeAsync": self.invoke_async,
            "InvokeWithResponseStream": self.invoke_streaming,
        }

    def invoke(self, call: Call) -> Members:
        """Invoke a function: wait for it, hand its event over, or see whether it could be."""
        kind = text(call.parameters, "InvocationType", "") or "RequestResponse"
        payload = _payload(call, "Payload")
        if kind == "Event" and len(payload) > EVENT_REQUEST.most:
            raise EVENT_REQUEST.refusal()
        invocation, function = self._prepare(call, payload, queued=kind != "RequestResponse")
        if kind == "DryRun":
            return {"StatusCode": 204, "ExecutedVersion": function.version}
        if kind == "Event":
            self._runner.submit(function, invocation, reference_of(call).qualifier)
            return {"StatusCode": 202, "Payload": b""}
        outcome = self._runner.run(function, invocation)
        answer: dict[str, object] = {
            "StatusCode": 200,
            "ExecutedVersion": function.version,
            "Payload": outcome.payload,
        }
        if outcome.error:
            answer["FunctionError"] = "Unhandled"
        if call.parameters.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(outcome.log_tail).decode()
        return answer

    def invoke_async(self, call: Call) -> Members:
        """Hand an event over, as one did before Invoke could."""
        invocation, function = self._prepare(call, _payload(call, "InvokeArgs"), queued=True)
        self._runner.submit(function, invocation, reference_of(call).qualifier)
        return {"Status": 202}

    def invoke_streaming(self, call: Call) -> Members:
        """Invoke a function and give its answer in pieces; AWS's Python runtime writes it as one."""
        invocation, function = self._prepare(call, _payload(call, "Payload"))
        outcome = self._runner.run(function, invocation)
        done: dict[str, object] = {}
        if outcome.error:
            said = json.loads(outcome.payload)
            done = {"ErrorCode": said.get("errorType"), "ErrorDetails": outcome.payload.decode()}
        if call.parameters.get("LogType") == "Tail":
            done["LogResult"] = base64.b64encode(outcome.log_tail).decode()
        events: list[Members] = [] if outcome.error else [{"PayloadChunk": {"Payload": outcome.payload}}]
        return {
            "StatusCode": 200,
            "ExecutedVersion": function.version,
            "ResponseStreamContentType": "application/vnd.amazon.eventstream",
            "EventStream": [*events, {"InvokeComplete": done}],
        }

    def _prepare(self, call: Call, payload: bytes, queued: bool = False) -> tuple[Invocation, FunctionVersion]:
        given = call.parameters
        invocation, function = self._runner.prepare(
            text(given, "FunctionName"),
            optional_text(given, "Qualifier"),
            payload,
            call.region,
            call.request_id,
            optional_text(given, "ClientContext"),
            call.caller,
            queued,
        )
        self._settling.refuse_pending(function.region, function.name, self._refuses_pending)
        return invocation, function


def _payload(call: Call, name: str) -> bytes:
    given = call.parameters.get(name)  # a text from EventBridge Scheduler's universal targets
    return given.encode() if isinstance(given, str) else blob(call.parameters, name)
