"""moto's request parsers: which operation a request asks for, and with which parameters, by botocore's models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug import Request
from werkzeug.exceptions import HTTPException

from harness.emulator.door.members import Members


class UnreadableError(Exception):
    """A request that is none of its service's operations, or does not have the form of one.

    Args:
        message: why.
        operation: that it asks for, where that can be told.
    """

    def __init__(self, message: str, operation: str | None = None) -> None:
        super().__init__(message)
        self.operation = operation


def read_request(service: str, request: Request) -> tuple[str, Members]:
    """Read the operation that *request* asks of boto3 service *service*, and its parameters.

    Raises:
        UnreadableError: that cannot be told.
    """
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request as MotoRequest
    from moto.core.request import determine_request_protocol
    from moto.core.routing import get_service_router
    from moto.core.utils import get_service_model

    request.environ["wsgi.input"].seek(0)
    missing: Mapping[str, str] = {}
    operation = None
    try:
        model = get_service_model(service)
        router = get_service_router(service)
        read = MotoRequest(request.environ)
        try:
            found, in_path = router.match(read)
        except HTTPException:  # an operation is known by what it requires: the service itself tells of what lacks
            missing = _missing(model, request)
            lacking = request.query_string.decode("latin-1").split("&")
            query = "&".join(filter(None, [*lacking, *(f"{name}=" for name in missing)]))
            read = MotoRequest({**request.environ, "QUERY_STRING": query})
            found, in_path = router.match(read)
        operation = found.name
        parser = PROTOCOL_PARSERS[determine_request_protocol(model, read.content_type)](found, map_type=dict)
        body = read.get_data(cache=True)
        parameters = parser.parse(
            {
                "method": read.method,
                "values": read.values,
                "headers": read.headers,
                "body": body,
                "url_path": read.path,
                "url_params": in_path,
            }
        )
    except (
        HTTPException,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        NotImplementedError,
    ) as error:
        raise UnreadableError(str(error), operation) from error
    except Exception as error:
        if type(error).__module__.startswith(("botocore.", "moto.")):  # no such service or operation
            raise UnreadableError(str(error), operation) from error
        raise
    finally:
        request.environ["wsgi.input"].seek(0)
    return found.name, {name: value for name, value in parameters.items() if name not in missing.values()}


def _missing(model: Any, request: Request) -> Mapping[str, str]:
    """Find what *request*'s query lacks of what an operation at its path requires: names there, and members."""
    for name in model.operation_names:
        operation = model.operation_model(name)
        shape, method = operation.input_shape, operation.http["method"]
        if shape is None or method != request.method:
            continue
        members = {member: shape.members[member].serialization for member in shape.required_members}
        needed = {how["name"]: member for member, how in members.items() if how.get("location") == "querystring"}
        path = operation.http["requestUri"].partition("?")[0]
        fits = re.fullmatch(re.sub(r"\\\{[^}]+\}", "[^/]+", re.escape(path)), request.path)
        if fits and needed.keys() - request.args.keys():
            return {each: needed[each] for each in needed.keys() - request.args.keys()}
    return {}
