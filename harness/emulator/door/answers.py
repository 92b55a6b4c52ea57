"""Outputs of operations on the wire, in the protocols that the emulated services speak, by botocore's models.

https://smithy.io/2.0/aws/protocols/index.html
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from werkzeug import Response

from harness.emulator.aws_models import service_model
from harness.emulator.door.errors import JSON_1_0, JSON_1_1
from harness.emulator.door.members import Members

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape


def answer(service: str, operation: str, output: Members, request_id: str) -> Response:
    """Return the HTTP answer with an operation's output, in the service's protocol.

    Args:
        service: boto3's name of the service.
        operation: whose output shape says how members are written.
        output: its members by name: datetimes for timestamps, bytes for blobs.
        request_id: for the header or the element that the protocol has for it.
    """
    model = service_model(service)
    found = model.operation_model(operation)
    protocol = model.metadata["protocol"]
    if protocol == "json":
        version = JSON_1_0 if model.metadata.get("jsonVersion") == "1.0" else JSON_1_1
        return Response(_json_body(found.output_shape, output), 200, _id(request_id), content_type=version)
    if protocol in ("query", "ec2"):
        return _query(found, output, request_id)
    return _rest_json(found, output, request_id)


def _id(request_id: str) -> dict[str, str]:
    return {"x-amzn-RequestId": request_id}


def _json_body(shape: Shape | None, output: Mapping[str, Any]) -> str:
    value = _as_json(shape, output) if shape is not None else {}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _as_json(shape: Shape, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        members = shape.members
        if not members:
            return value
        return {
            members[name].serialization.get("name", name): _as_json(members[name], given)
            for name, given in value.items()
            if given is not None and name in members
        }
    if kind == "list":
        return [_as_json(shape.member, given) for given in value]
    if kind == "map":
        return {key: _as_json(shape.value, given) for key, given in value.items()}
    if kind == "timestamp" and isinstance(value, datetime):
        return _timestamp(value, shape.serialization.get("timestampFormat", "unixTimestamp"))
    if kind == "blob" and isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return value


def _timestamp(value: datetime, form: str) -> Any:
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    if form == "iso8601":
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    if form == "rfc822":
        return value.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return round(value.timestamp(), 3)


# rest-json: some members are headers, the status, or the whole body.


def _rest_json(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> Response:
    shape = operation.output_shape
    headers = _id(request_id)
    status = int(operation.http.get("responseCode", 200))
    if shape is None:
        return Response(b"", status, headers)
    payload = shape.serialization.get("payload")
    inside = {}
    for name, value in output.items():
        member = shape.members.get(name)
        if member is None or value is None:
            continue
        location = member.serialization.get("location")
        if location == "statusCode":
            status = int(value)
        elif location == "header":
            headers[member.serialization.get("name", name)] = _header(member, value)
        elif location == "headers":
            prefix = member.serialization.get("name", "")
            headers.update({f"{prefix}{key}": str(text) for key, text in value.items()})
        elif location is None and name != payload:
            inside[name] = value
    if payload is None:
        body: Any = _json_body(shape, inside)
        return Response(body if status != 204 else b"", status, headers, content_type="application/json")
    member, value = shape.members[payload], output.get(payload)
    kind = headers.pop("Content-Type", None)
    if getattr(member, "is_event_stream", False) or member.serialization.get("eventstream"):
        events = _event_stream(member, value or ())
        return Response(events, status, headers, content_type="application/vnd.amazon.eventstream")
    if member.type_name in ("blob", "string"):
        return Response(value if value is not None else b"", status, headers, content_type=kind or "application/json")
    return Response(_json_body(member, value or {}), status, headers, content_type=kind or "application/json")


def _header(shape: Shape, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(_timestamp(value, shape.serialization.get("timestampFormat", "rfc822")))
    return str(value)


def _event_stream(shape: Shape, events: Iterable[Mapping[str, Mapping[str, Any]]]) -> Iterator[bytes]:
    """Messages of ``vnd.amazon.eventstream``.

    https://smithy.io/2.0/aws/amazon-eventstream.html
    """
    for event in events:
        for name, members in event.items():
            of = shape.members[name]
            kind = "exception" if of.metadata.get("exception") else "event"
            headers = {":message-type": kind, f":{kind}-type": name}
            body = b""
            payload = next((m for m, s in of.members.items() if s.serialization.get("eventpayload")), None)
            if payload is not None:
                value = members.get(payload, b"")
                headers[":content-type"] = "application/octet-stream" if isinstance(value, bytes) else "text/plain"
                body = value if isinstance(value, bytes) else str(value).encode()
            elif members:
                headers[":content-type"] = "application/json"
                body = _json_body(of, members).encode()
            yield _message(headers, body)


def _message(headers: Mapping[str, str], body: bytes) -> bytes:
    head = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(text.encode())) + text.encode()
        for name, text in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(head) + len(body), len(head))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + head + body
    return message + struct.pack("!I", binascii.crc32(message))


# query: XML.


def _query(operation: OperationModel, output: Mapping[str, Any], request_id: str) -> Response:
    shape = operation.output_shape
    namespace = operation.service_model.metadata.get("xmlNamespace", "")
    inside = _xml_members(shape, output) if shape is not None else ""
    wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result") if shape is not None else ""
    result = f"<{wrapper}>{inside}</{wrapper}>" if wrapper else ""
    body = (
        f'<{operation.name}Response xmlns="{namespace}">{result}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>"
    )
    return Response(body, 200, _id(request_id), content_type="text/xml")


def _xml_members(shape: Shape, value: Mapping[str, Any]) -> str:
    return "".join(
        _xml(shape.members[name], shape.members[name].serialization.get("name", name), given)
        for name, given in value.items()
        if given is not None and name in shape.members
    )


def _xml(shape: Shape, tag: str, value: Any) -> str:
    kind = shape.type_name
    if kind == "structure":
        return f"<{tag}>{_xml_members(shape, value)}</{tag}>"
    if kind == "list":
        if shape.serialization.get("flattened"):
            return "".join(_xml(shape.member, tag, given) for given in value)
        item = shape.member.serialization.get("name", "member")
        return f"<{tag}>{''.join(_xml(shape.member, item, given) for given in value)}</{tag}>"
    if kind == "map":
        entries = "".join(
            f"<entry>{_xml(shape.key, 'key', key)}{_xml(shape.value, 'value', given)}</entry>"
            for key, given in value.items()
        )
        return f"<{tag}>{entries}</{tag}>"
    if isinstance(value, bool):
        return f"<{tag}>{'true' if value else 'false'}</{tag}>"
    if isinstance(value, datetime):
        value = _timestamp(value, shape.serialization.get("timestampFormat", "iso8601"))
    if isinstance(value, (bytes, bytearray)):
        value = base64.b64encode(value).decode()
    return f"<{tag}>{escape(str(value))}</{tag}>"
