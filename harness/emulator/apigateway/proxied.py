"""Events that functions get for requests to an API, and the answers that they give.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from werkzeug import Response

from harness.emulator.apigateway.requests import Asked, answer
from harness.emulator.door.members import Members, blob

_MALFORMED = {"message": "Internal server error"}


def _body(asked: Asked) -> tuple[str | None, bool]:
    """Return the body as a text, and whether it is in base64."""
    if not asked.body:
        return None, False
    try:
        return asked.body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(asked.body).decode(), True


def event_v1(asked: Asked, account: str, variables: Mapping[str, str]) -> Members:
    """Return the event in the payload format 1.0, which REST APIs send.

    Args:
        asked: the request, its route and its path parameters.
        account: ``requestContext.accountId``.
        variables: the stage's, ``stageVariables``.
    """
    body, encoded = _body(asked)
    query = asked.query
    path = asked.path.removeprefix(f"/{asked.stage}") or "/"
    now = datetime.now(UTC)
    return {
        "resource": asked.resource,
        "path": path,
        "httpMethod": asked.method,
        "headers": asked.headers,
        "multiValueHeaders": {name: asked.request.headers.getlist(name) for name in asked.headers},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(asked.parameters) or None,
        "stageVariables": dict(variables) or None,
        "requestContext": {
            "resourcePath": asked.resource,
            "httpMethod": asked.method,
            "path": asked.path,
            "accountId": account,
            "protocol": "HTTP/1.1",
            "stage": asked.stage,
            "domainName": asked.request.host,
            "domainPrefix": asked.api,
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "requestId": str(uuid.uuid4()),
            "extendedRequestId": uuid.uuid4().hex[:15],
            "identity": {"sourceIp": "127.0.0.1", "userAgent": asked.headers.get("User-Agent")},
            "apiId": asked.api,
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


def event_v2(asked: Asked, account: str, route: str, variables: Mapping[str, str]) -> dict[str, object]:
    """Return the event in the payload format 2.0, which HTTP APIs and functions' URLs send.

    Args:
        asked: the request, its route and its path parameters.
        account: ``requestContext.accountId``; ``anonymous`` for a function's URL without IAM.
        route: ``routeKey``, e.g. ``GET /orders/{id}`` or ``$default``.
        variables: the stage's, ``stageVariables``.
    """
    body, encoded = _body(asked)
    now = datetime.now(UTC)
    event: dict[str, object] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": asked.path,
        "rawQueryString": asked.request.query_string.decode(),
        "headers": {name.lower(): ",".join(asked.request.headers.getlist(name)) for name in asked.headers},
        "requestContext": {
            "accountId": account,
            "apiId": asked.api,
            "domainName": asked.request.host,
            "domainPrefix": asked.api,
            "http": {
                "method": asked.method,
                "path": asked.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": asked.headers.get("User-Agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route,
            "stage": asked.stage,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": encoded,
    }
    if body is not None:
        event["body"] = body
    if asked.query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in asked.query.items()}
    if asked.parameters:
        event["pathParameters"] = dict(asked.parameters)
    if variables:
        event["stageVariables"] = dict(variables)
    return event


def response_of(outcome: Members, *, simple: bool) -> Response:
    """Make a response of what a function answered.

    Args:
        outcome: of Invoke.
        simple: whether an answer without a status is the body itself, as in the payload format 2.0.
    """
    if outcome.get("FunctionError"):
        return answer(500 if simple else 502, _internal(simple))
    try:
        given = json.loads(blob(outcome, "Payload") or b"null")
    except ValueError:
        return answer(500 if simple else 502, _internal(simple))
    if simple and not (isinstance(given, dict) and "statusCode" in given):
        body = given if isinstance(given, str) else json.dumps(given)
        return Response(body, 200, content_type="application/json")
    if not isinstance(given, dict) or ("statusCode" not in given and not simple):
        return answer(502, _MALFORMED)
    body = given.get("body") or ""
    if not isinstance(body, str) and not simple:
        return answer(502, _MALFORMED)
    content: Any = body if isinstance(body, str) else json.dumps(body)
    if given.get("isBase64Encoded"):
        content = base64.b64decode(content)
    response = Response(content, int(given["statusCode"]), content_type="application/json")
    for name, value in (given.get("headers") or {}).items():
        response.headers[name] = str(value)
    for name, values in (given.get("multiValueHeaders") or {}).items():
        response.headers.setlist(name, [str(value) for value in values])
    for cookie in given.get("cookies") or ():
        response.headers.add("Set-Cookie", cookie)
    return response


def _internal(simple: bool) -> dict[str, str]:
    return {"message": "Internal Server Error" if simple else "Internal server error"}
