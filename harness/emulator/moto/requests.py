"""moto's request parsers: which operation a request asks for, and with which parameters, by botocore's models."""

from __future__ import annotations

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
    """The operation that *request* asks of boto3 service *service*, and its parameters.

    Raises:
        UnreadableError: that cannot be told.
    """
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request as MotoRequest
    from moto.core.request import determine_request_protocol
    from moto.core.routing import get_service_router
    from moto.core.utils import get_service_model

    request.environ["wsgi.input"].seek(0)
    read, operation = MotoRequest(request.environ), None
    try:
        model = get_service_model(service)
        found, in_path = get_service_router(service).match(read)
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
    return found.name, parameters
