"""A request, parsed once: of which service which operation, with which parameters, by botocore's models."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.utils import parse_timestamp
from werkzeug import Request

from harness.emulator.access.sessions import Actor
from harness.emulator.aws_models import models_loader, service_model
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, of_another_type, unexpected
from harness.emulator.door.regions import not_emulated
from harness.emulator.moto.made_up import refuse_made_up
from harness.emulator.moto.requests import UnreadableError, read_request

if TYPE_CHECKING:
    from botocore.model import Shape

_BOTO3 = {
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
    "monitoring": "cloudwatch",
    "email": "ses",
}
"""boto3's names of services that requests are signed for under another name."""


@dataclass(frozen=True)
class Call:
    """A request, understood: one shape for what comes by HTTP and for what one service asks of another.

    Attributes:
        service: boto3's name of the service, ``stepfunctions``.
        operation: as botocore has it, ``StartExecution``.
        parameters: by the members of botocore's input shape: bytes for blobs and bodies, datetimes for timestamps.
        region: in which it is to be done.
        account: in which it is to be done.
        caller: who asks; None for the developer, who may do everything.
        request_id: goes out as the request's id.
    """

    service: str
    operation: str
    parameters: Members
    region: str
    account: str
    caller: Actor | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def boto3_name(signing_name: str, path: str = "", target: str = "") -> str:
    """boto3's name of the service that a request is signed for as *signing_name*.

    Args:
        signing_name: may be that of several services.
        path: of the request.
        target: its ``X-Amz-Target``.
    """
    if signing_name == "dynamodb" and target.startswith("DynamoDBStreams_"):
        return "dynamodbstreams"
    if signing_name == "sagemaker" and path.startswith("/endpoints/"):
        return "sagemaker-runtime"
    return _BOTO3.get(signing_name, signing_name)


def protocol_of(service: str) -> str:
    """Name the protocol of boto3 service *service*, e.g. ``query``; ``json`` for a service without a model."""
    return str(service_model(service).metadata["protocol"]) if is_known(service) else "json"


@lru_cache(512)
def is_known(service: str) -> bool:
    """Whether botocore has a model of *service*."""
    try:
        return bool(service_model(service))
    except Exception:  # botocore's UnknownServiceError
        return False


def read_call(
    service: str, request: Request, region: str, account: str, caller: Actor | None, request_id: str
) -> Call | None:
    """Read what a request asks for; None where that cannot be told.

    Args:
        service: boto3's name of the service that it is sent to.
        request: the HTTP request.
        region: of its signature.
        account: whose it is, twelve digits.
        caller: the role's session that signed; None: the emulator's own credentials.
        request_id: that the answer will have.

    Raises:
        AwsError: SerializationException: a body that is not what the service's model says.
    """
    target = request.headers.get("X-Amz-Target")
    if target is not None and protocol_of(service) == "json" and is_known(service):
        operation = target.rpartition(".")[2]
        if operation not in service_model(service).operation_names:
            return None
        parameters = _read_json(service, operation, request.get_data(cache=True))
    else:
        try:
            operation, parameters = read_request(service, request)
        except UnreadableError as error:
            if error.operation is not None:
                _check_document(service, error.operation, request)
            return None
        _check_document(service, operation, request)
    return Call(service, operation, parameters, region, account, caller, request_id)


def refuse_unknown(service: str, request: Request) -> None:
    """Refuse a request to *service* that asks for none of its operations, in a protocol that names them.

    Raises:
        AwsError: UnknownOperationException, or InvalidAction of services that speak XML; it is not emulated, where
            another service's requests are signed for as its own are.
    """
    match protocol_of(service):
        case "json":
            target = request.headers.get("X-Amz-Target", "")
            raise AwsError("UnknownOperationException", f"{service} has no operation {target.rpartition('.')[2]!r}.")
        case "query" | "ec2":
            action, version = request.values.get("Action", ""), request.values.get("Version", "NO_VERSION_SPECIFIED")
            raise AwsError("InvalidAction", f"Could not find operation {action} for version {version}")
    for name in _siblings(service):
        with contextlib.suppress(UnreadableError):
            refuse_made_up(name, read_request(name, request)[0])


def refuse_sibling(service: str, request: Request) -> None:
    """Refuse, by its name, an operation of a service whose requests are signed for as those to *service* are.

    Raises:
        AwsError: it is not emulated.
    """
    for name in _siblings(service):
        with contextlib.suppress(UnreadableError):
            raise not_emulated(name, read_request(name, request)[0])


@lru_cache(64)
def _siblings(service: str) -> tuple[str, ...]:
    named = models_loader().list_available_services("service-2")
    return tuple(name for name in named if name.startswith(service) and name != service)


def _read_json(service: str, operation: str, body: bytes) -> Mapping[str, Any]:
    given = _json_object(body)
    shape = service_model(service).operation_model(operation).input_shape
    convert = _converter(service, shape.name) if shape is not None else None
    read: dict[str, Any] = convert(given) if convert is not None else given
    return read


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "Could not parse the request body as JSON.") from None
    if not isinstance(given, dict):
        raise AwsError("SerializationException", "Start of structure or map expected.")
    return given


def _check_document(service: str, operation: str, request: Request) -> None:
    """Refuse a body that is no JSON object where the operation's members lie in one."""
    shape = service_model(service).operation_model(operation).input_shape
    if protocol_of(service) != "rest-json" or shape is None or "payload" in shape.serialization:
        return
    body = request.get_data(cache=True)
    if body and request.method != "GET":
        _json_object(body)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


_Convert = Callable[[Any], Any]
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, float),
    "long": (int, float),
    "float": (int, float, str),
    "double": (int, float, str),
}


@lru_cache(4096)
def _converter(service: str, name: str) -> _Convert:
    """Return what makes of JSON's values what botocore's shape says, refusing another type."""
    shape = service_model(service).shape_for(name)
    return _convert_shape(service, shape)


def _convert_shape(service: str, shape: Shape) -> _Convert:
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return lambda value: value
        members = {name: member.name for name, member in shape.members.items()}
        kinds = {name: (member.type_name, member) for name, member in shape.members.items()}

        def structure(value: Any) -> Any:
            if not isinstance(value, dict):
                raise unexpected("Start of structure or map expected.")
            read = {}
            for name, given in value.items():
                if given is None or name not in members:
                    continue
                expected = _KINDS.get(kinds[name][0])
                if expected is None:
                    given = _converter(service, members[name])(given)
                elif not isinstance(given, expected) or (isinstance(given, bool) and bool not in expected):
                    raise of_another_type(given, _java(kinds[name][0]))
                read[name] = given
            return read

        return structure
    if kind == "list":
        member = shape.member

        def items(value: Any) -> Any:
            if not isinstance(value, list):
                raise unexpected("Expected list or null")
            convert = _converter(service, member.name)
            return [convert(given) for given in value]

        return items
    if kind == "map":
        of = shape.value

        def mapping(value: Any) -> Any:
            if not isinstance(value, dict):
                raise unexpected("Expected map or null")
            convert = _converter(service, of.name)
            return {key: convert(given) for key, given in value.items()}

        return mapping
    if kind == "blob":
        return _blob
    if kind == "timestamp":
        return _timestamp
    expected = _KINDS.get(kind)

    def scalar(value: Any) -> Any:
        if expected and value is not None and not isinstance(value, expected):
            raise of_another_type(value, _java(kind))
        return value

    return scalar


def _blob(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=False)
    except (binascii.Error, TypeError, ValueError):
        raise unexpected("Invalid base64 in a blob.") from None


def _timestamp(value: Any) -> datetime:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        parsed: datetime = parse_timestamp(value)
        return parsed
    except (TypeError, ValueError, OverflowError, OSError):
        raise unexpected("Expected a timestamp.") from None


def _java(kind: str) -> str:
    return {"string": "String", "boolean": "Boolean", "integer": "Integer", "long": "Long"}.get(kind, "Number")
