"""AWS's errors on the wire, in the protocols that the emulated services speak."""

from __future__ import annotations

import errno
import json
from xml.sax.saxutils import escape

from werkzeug import Response

JSON_1_0 = "application/x-amz-json-1.0"
JSON_1_1 = "application/x-amz-json-1.1"


class AwsError(Exception):
    """An error that AWS answers: its code, message, HTTP status and the members beside them.

    Attributes:
        code: what boto3 shows as ``response["Error"]["Code"]``, e.g. ``ResourceNotFoundException``.
        message: AWS's own words.
        status: HTTP status.
        members: further members of the error's shape, e.g. ``OriginalStatusCode``.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


def explained(error: Exception) -> AwsError:
    """Make the error that is answered where *error* has kept the emulator from answering."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        words = "The emulator may open no more files: start it where `ulimit -n` is higher."
        return AwsError("ServiceUnavailable", words, 503)
    return AwsError("InternalFailure", "The emulator failed; its log says why.", 500)


def error_response(error: AwsError, request_id: str, message_key: str = "message") -> Response:
    """Make the HTTP answer for *error* in AWS's REST-JSON and JSON protocols.

    Both read the code from ``X-Amzn-ErrorType`` (or ``__type`` in the body) and the message from the body.

    Args:
        error: what to answer.
        request_id: goes out as ``x-amzn-RequestId``.
        message_key: ``message`` for most services, ``Message`` for Lambda's and SageMaker Runtime's shapes.
    """
    body: dict[str, object] = {message_key: error.message, **error.members}
    headers = {"x-amzn-RequestId": request_id}
    if not error.code.isdigit():  # AWS's front end refuses without a code, and SDKs show the status instead
        body["__type"] = headers["x-amzn-ErrorType"] = error.code
    return Response(json.dumps(body, separators=(",", ":")), error.status, headers, content_type=JSON_1_1)


def s3_error_response(error: AwsError, resource: str, request_id: str) -> Response:
    """Return the HTTP answer for an error in S3's XML.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses

    Args:
        error: with its code, status and further members.
        resource: ``Resource``, the request's path.
        request_id: ``RequestId``.
    """
    members = {"Code": error.code, "Message": error.message, "Resource": resource, **error.members}
    said = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in members.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{said}<RequestId>{request_id}</RequestId></Error>'
    return Response(body, error.status, {"x-amz-request-id": request_id}, content_type="application/xml")


def xml_error_response(error: AwsError, request_id: str) -> Response:
    """Make the HTTP answer for *error* in AWS's query protocol, which IAM, STS and CloudFormation speak.

    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization
    """
    kind = "Sender" if error.status < 500 else "Receiver"
    said = f"<Type>{kind}</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    body = f"<ErrorResponse><Error>{said}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    return Response(body, error.status, {"x-amzn-RequestId": request_id}, content_type="text/xml")
