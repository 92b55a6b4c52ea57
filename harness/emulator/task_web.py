"""What tasks of state machines reach by HTTP: the APIs of this emulator, as the execution's role, and servers."""

from __future__ import annotations

import base64
import uuid
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import urlsplit

from werkzeug import Request
from werkzeug.test import EnvironBuilder

from harness.emulator.access.permissions import Permissions
from harness.emulator.apigateway.front_doors import FrontDoors
from harness.emulator.stepfunctions.integrations.reach import Caller
from harness.emulator.stepfunctions.integrations.web import Web, WebAnswer, WebRequest


def web_of(apis: FrontDoors, permissions: Permissions, hosts: frozenset[str]) -> Web:
    """Make what tasks reach by HTTP.

    Args:
        apis: those of API Gateway.
        permissions: of the roles of executions.
        hosts: that may be called beside this machine's own.
    """

    def ask(request: WebRequest, caller: Caller) -> WebAnswer:
        parts = urlsplit(request.url)
        environ = EnvironBuilder(
            parts.path,
            f"{parts.scheme}://{parts.netloc}",
            parts.query,
            request.method,
            headers=list(request.headers),
            data=request.body,
        )
        response = apis.answer(Request(environ.get_environ()), caller.actor)
        assert response is not None  # its host is one of an API's
        reason = HTTPStatus(response.status_code).phrase
        added = {
            "Connection": "keep-alive",
            "Date": formatdate(usegmt=True),
            "x-amzn-RequestId": str(uuid.uuid4()),
            "x-amz-apigw-id": base64.urlsafe_b64encode(uuid.uuid4().bytes)[:15].decode() + "=",
        }
        headers = (*response.headers, *added.items())
        return WebAnswer(response.status_code, reason, headers, response.get_data())

    return Web(ask, lambda caller, action, resource: permissions.refusal(caller.actor, action, resource), hosts)
