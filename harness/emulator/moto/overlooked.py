"""What AWS refuses and moto lets pass, as far as anybody has come across it."""

from __future__ import annotations

import re

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError

_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
_TABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]+")


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
        case "dynamodb", _:
            name = call.parameters.get("TableName")
            if isinstance(name, str) and not name.startswith("arn:") and not _TABLE_NAME.fullmatch(name):
                raise AwsError(
                    "ValidationException",
                    f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: "
                    "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
                )
