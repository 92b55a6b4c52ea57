"""The Lambda client that Step Functions uses here: boto3's Invoke without the HTTP in between."""

from __future__ import annotations

import io
import uuid
from email.utils import formatdate
from typing import Any

from botocore.exceptions import ClientError

from harness.emulator.access.sessions import Actor
from harness.emulator.door.errors import AwsError
from harness.emulator.lambda_.service import Functions


class DirectLambda:
    """Has the one operation that the engine calls, with boto3's arguments and answers.

    Args:
        functions: who runs it.
        region: of functions that are called by name.
        session: who calls.
    """

    def __init__(self, functions: Functions, region: str, session: Actor | None) -> None:
        self._functions = functions
        self._region = region
        self._session = session

    def invoke(
        self,
        *,
        FunctionName: str,
        Payload: bytes = b"",
        Qualifier: str | None = None,
        ClientContext: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Invoke a function and wait for its answer.

        Raises:
            botocore.exceptions.ClientError: Lambda refuses.
        """
        request_id = str(uuid.uuid4())
        try:
            invocation, function = self._functions.prepare(
                FunctionName, Qualifier, Payload, self._region, request_id, ClientContext, self._session
            )
        except AwsError as error:
            raise ClientError(
                {
                    "Error": {"Code": error.code, "Message": error.message},
                    "ResponseMetadata": {"RequestId": request_id, "HTTPStatusCode": error.status},
                },
                "Invoke",
            ) from None
        outcome = self._functions.run(function, invocation)
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
        answer: dict[str, Any] = {
            "ResponseMetadata": {
                "RequestId": request_id,
                "HTTPStatusCode": 200,
                "HTTPHeaders": headers,
                "RetryAttempts": 0,
            },
            "StatusCode": 200,
            "ExecutedVersion": function.version,
            "Payload": io.BytesIO(outcome.payload),
        }
        if outcome.error:
            answer["FunctionError"] = "Unhandled"
        return answer
