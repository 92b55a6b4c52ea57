"""The way from Step Functions to functions that run here: Invoke without the HTTP in between."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.emulator.lambda_.service import Lambda
from harness.emulator.stepfunctions.integrations.reach import Answer, Caller, Reach, Refused


def invoking_directly(functions: Lambda, otherwise: Reach) -> Reach:
    """Reach *functions* without HTTP when a function is waited for, and all else as *otherwise* does."""

    def reach(service: str, operation: str, parameters: Mapping[str, Any], caller: Caller) -> Answer:
        waits = parameters.get("InvocationType", "RequestResponse") == "RequestResponse"
        if service != "lambda" or operation != "Invoke" or not waits or "LogType" in parameters:
            return otherwise(service, operation, parameters, caller)
        request_id = str(uuid.uuid4())
        payload = parameters.get("Payload", b"")
        try:
            invocation, function = functions.prepare(
                parameters["FunctionName"],
                parameters.get("Qualifier"),
                payload if isinstance(payload, bytes) else str(payload).encode(),
                caller.region,
                request_id,
                parameters.get("ClientContext"),
                caller.actor,
            )
        except AwsError as error:
            raise Refused(error.code, error.message, error.status, request_id) from None
        outcome = functions.run(function, invocation)
        headers = {
            "x-amz-executed-version": function.version,
            "x-amzn-remapped-content-length": "0",
            "connection": "keep-alive",
            "x-amzn-requestid": request_id,
            "content-length": str(len(outcome.payload)),
            "date": formatdate(usegmt=True),
            "x-amzn-trace-id": invocation.trace_id,
            "content-type": "application/json",
        }
        output = {"StatusCode": 200, "ExecutedVersion": function.version, "Payload": outcome.payload}
        if outcome.error:
            output["FunctionError"] = "Unhandled"
        return Answer(output, request_id, 200, headers)

    return reach
