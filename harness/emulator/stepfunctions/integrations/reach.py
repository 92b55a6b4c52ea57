"""How an integration reaches a service, and what comes back: the one seam between tasks and services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.emulator.access.sessions import Actor
from harness.emulator.clients import Clients


@dataclass(frozen=True)
class Caller:
    """For whom a task calls, and where.

    Attributes:
        region: of the execution.
        account: of the execution.
        actor: the execution's role, or the one that ``Credentials`` names; None may do everything.
    """

    region: str
    account: str
    actor: Actor | None = None


@dataclass(frozen=True)
class Answer:
    """What a service answered.

    Attributes:
        output: by the members of the operation's output shape; bytes for blobs and bodies, datetimes for timestamps.
        request_id: of the call.
        status: of the HTTP answer.
        headers: of the HTTP answer, in lower case, as far as there was one.
    """

    output: Mapping[str, Any]
    request_id: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A service has refused a call.

    Attributes:
        code: AWS's code, ``NoSuchKey``.
        message: AWS's words.
        status: of the HTTP answer.
        request_id: of the call.
        extended_id: the second id that S3 gives to a call, or None.
    """

    def __init__(self, code: str, message: str, status: int, request_id: str, extended_id: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.extended_id = extended_id


class Unreachable(Exception):
    """No service answered the call; the message says why."""


Reach = Callable[[str, str, Mapping[str, Any], Caller], Answer]
"""Calls an operation of a service, by boto3's name of the service and botocore's of the operation and its members.

Raises:
    Refused: the service refuses.
    Unreachable: nobody answers.
"""


def by_clients(clients: Clients) -> Reach:
    """Reach services by the emulator's own boto3 clients."""

    def reach(service: str, operation: str, parameters: Mapping[str, Any], caller: Caller) -> Answer:
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = clients.get(service, caller.region, caller.actor)
            output = getattr(client, xform_name(operation))(**parameters)
            return _answer(output)
        except ClientError as error:
            raise _refused(error.response) from None
        except (LookupError, BotoCoreError) as error:
            raise Unreachable(f"Unable to execute HTTP request: {error}") from None

    return reach


def _answer(output: dict[str, Any]) -> Answer:
    metadata = output.pop("ResponseMetadata", {})
    for name, value in output.items():
        if hasattr(value, "read"):
            output[name] = value.read()
    return Answer(
        output, metadata.get("RequestId", ""), metadata.get("HTTPStatusCode", 200), metadata.get("HTTPHeaders") or {}
    )


def _refused(response: Mapping[str, Any]) -> Refused:
    error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    return Refused(
        str(error.get("Code", "Unknown")),
        str(error.get("Message", "")),
        metadata.get("HTTPStatusCode", 0),
        metadata.get("RequestId", ""),
        metadata.get("HostId"),
    )
