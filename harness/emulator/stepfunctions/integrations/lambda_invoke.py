"""What ``arn:aws:states:::lambda:invoke`` gives a state: Lambda's answer, as AWS's SDK for Java shows it.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def invocation_result(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The task's result, its members in AWS's order.

    Args:
        answer: boto3's answer to Invoke, its payload read from JSON.
    """
    metadata = answer["ResponseMetadata"]
    headers: Mapping[str, str] = metadata.get("HTTPHeaders") or {}
    result = {name: answer[name] for name in ("ExecutedVersion", "FunctionError", "LogResult") if name in answer}
    shown = [name for name in _HEADERS if name.lower() in headers]
    return {
        **result,
        "Payload": answer["Payload"],
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [headers[name.lower()]] for name in shown},
            "HttpHeaders": {name: headers[name.lower()] for name in sorted(shown, key=str.lower)},
            "HttpStatusCode": metadata["HTTPStatusCode"],
        },
        "SdkResponseMetadata": {"RequestId": metadata["RequestId"]},
        "StatusCode": answer["StatusCode"],
    }


_HEADERS = (
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
