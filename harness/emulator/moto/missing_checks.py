"""What AWS refuses and moto lets pass, as far as anybody has come across it."""

from __future__ import annotations

import re

from werkzeug import Request, Response

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError

_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
_OF_OBJECTS = {"versionId", "partNumber", "uploadId", "x-id"}
"""Parameters of requests for an object itself; others are for what there is beside it: tags, rights, retention."""
_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]+")


def complete_object(request: Request, response: Response) -> None:
    """Have S3's answer about an object say that it is encrypted, as AWS's have since January 2023.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html
    """
    _, _, key = request.path.lstrip("/").partition("/")
    if response.status_code != 200 or request.method not in ("GET", "HEAD", "PUT") or not key:
        return
    if not set(request.args) <= _OF_OBJECTS:
        return
    response.headers.setdefault("x-amz-server-side-encryption", "AES256")
    if any(name.lower().startswith("x-amz-checksum-") for name, _ in response.headers):
        response.headers.setdefault("x-amz-checksum-type", "FULL_OBJECT")


def refuse_overlooked(call: Call) -> None:
    """Refuse *call* where AWS would.

    Raises:
        AwsError: as AWS refuses.
    """
    match call.service, call.operation:
        case "secretsmanager", "CreateSecret":
            if not _SECRET_NAME.fullmatch(str(call.parameters.get("Name", ""))):
                raise AwsError(
                    "ValidationException",
                    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
                    "-/_+=.@!",
                )
        case "sns", _:
            _refuse_broken_arns(call)
            if call.operation == "Publish":
                _refuse_publish(call)
        case "dynamodb", _:
            name = call.parameters.get("TableName")
            if isinstance(name, str) and not name.startswith("arn:") and not _TABLE_NAME.fullmatch(name):
                raise AwsError(
                    "ValidationException",
                    f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: "
                    "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
                )


def _refuse_broken_arns(call: Call) -> None:
    for name, value in call.parameters.items():
        if name.endswith("Arn") and isinstance(value, str) and (parts := value.count(":") + 1) < 6:
            words = f"Invalid parameter: {name} Reason: An ARN must have at least 6 elements, not {parts}"
            raise AwsError("InvalidParameter", words)


def _refuse_publish(call: Call) -> None:
    from moto.sns.models import sns_backends

    arn = call.parameters.get("TopicArn")
    if not isinstance(arn, str) or arn.count(":") != 5:
        return
    topic = sns_backends[arn.split(":")[4]][call.region].topics.get(arn)
    if topic is None:
        raise AwsError("NotFound", "Topic does not exist", 404)
    if topic.fifo_topic and not call.parameters.get("MessageGroupId"):
        words = "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
        raise AwsError("InvalidParameter", words)
