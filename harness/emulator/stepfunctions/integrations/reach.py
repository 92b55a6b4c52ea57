"""How an integration reaches a service, and what comes back: the one seam between tasks and services."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.emulator.access.sessions import Actor
from harness.emulator.aws_models import service_model
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, number
from harness.emulator.door.validation import check
from harness.emulator.services import Services


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

    output: Members
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


Reach = Callable[[str, str, Members, Caller], Answer]
"""Calls an operation of a service, by boto3's name of the service and botocore's of the operation and its members.

Raises:
    Refused: the service refuses.
    Unreachable: nobody answers.
"""


def by_services(services: Services) -> Reach:
    """Reach services in this process."""

    def reach(service: str, operation: str, parameters: Members, caller: Caller) -> Answer:
        call = Call(service, operation, parameters, caller.region, caller.account, caller.actor)
        try:
            _check(call)
            output = services.call(call)
        except AwsError as error:
            if error.code == "SdkClientException":
                raise Unreachable(error.message) from None
            extended = _extended_id(call.request_id) if service == "s3" else None
            raise Refused(error.code, error.message, error.status, call.request_id, extended) from None
        # What botocore asks S3 for without having been told to, the task has not asked for.
        if service == "s3" and operation in ("GetObject", "HeadObject") and "ChecksumMode" not in parameters:
            output = {name: value for name, value in output.items() if not name.startswith("Checksum")}
        if "EncodingType" in output and "EncodingType" not in parameters:
            output = {name: value for name, value in output.items() if name != "EncodingType"}
        return Answer(output, call.request_id, number(output, "StatusCode", 200) if service == "lambda" else 200)

    return reach


def _check(call: Call) -> None:
    """Refuse what botocore, which is not asked here, would not have sent, as the service itself refuses it.

    Raises:
        AwsError: a member is missing, or has a value that the model does not allow.
    """
    model = service_model(call.service)
    shape = model.operation_model(call.operation).input_shape
    if call.service == "sqs" and shape is not None:
        for name in shape.required_members:
            if call.parameters.get(name) is None:
                raise AwsError("MissingParameter", f"The request must contain the parameter {name}.")
    elif model.metadata["protocol"] == "json":
        check(call.service, call.operation, call.parameters)


def _extended_id(request_id: str) -> str:
    return base64.b64encode(hashlib.sha384(request_id.encode()).digest()).decode()
