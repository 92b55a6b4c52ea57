"""What a request is: of which service which operation, with which parameters; read by the service's model.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request
from werkzeug.exceptions import HTTPException

from harness.emulator.access.sessions import Actor
from harness.emulator.aws_models import service_model

_BOTO3 = {
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
    "monitoring": "cloudwatch",
}
"""boto3's names of services that requests are signed for under another name."""
_PREFIXES = {"tagging": "tag", "monitoring": "cloudwatch"}
"""Prefixes of actions in policies, where requests are signed for another name."""


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
    parameters: Mapping[str, Any]
    region: str
    account: str
    caller: Actor | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Operation:
    """A request to a service, understood."""

    prefix: str
    """Of the service's actions in policies: ``states``."""
    name: str
    """Of the operation, as botocore has it: ``CreateFunction``."""
    parameters: Mapping[str, Any]


def protocol_of(service: str) -> str:
    """The protocol of *service*, a signing name, e.g. ``query``; ``json`` for a service without a model."""
    try:
        return str(service_model(_BOTO3.get(service, service)).metadata["protocol"])
    except Exception:  # botocore's UnknownServiceError: signing names are not all names of models
        return "json"


def read_operation(service: str, request: Request) -> Operation | None:
    """What a request to *service*, a signing name, asks for; None where that cannot be told."""
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request as MotoRequest
    from moto.core.request import determine_request_protocol
    from moto.core.routing import get_service_router

    name = _BOTO3.get(service, service)
    request.environ["wsgi.input"].seek(0)
    read = MotoRequest(request.environ)
    try:
        model = service_model(name)
        found, in_path = get_service_router(name).match(read)
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
    except (HTTPException, LookupError, ValueError, NotImplementedError):
        return None
    except Exception as error:
        if type(error).__module__.startswith(("botocore.", "moto.")):  # no such service or operation
            return None
        raise
    finally:
        request.environ["wsgi.input"].seek(0)
    return Operation(_PREFIXES.get(service, service), found.name, parameters)
