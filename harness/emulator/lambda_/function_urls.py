"""Functions by their URLs: ``/_aws/lambda-url/ID/`` here, ``https://ID.lambda-url.REGION.on.aws/`` on AWS.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from werkzeug import Request, Response

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.policies import Asked as AskedOfPolicy
from harness.emulator.access.policies import effects, read
from harness.emulator.access.sessions import Actor
from harness.emulator.apigateway.proxied import event_v2, response_of
from harness.emulator.apigateway.requests import Asked, answer
from harness.emulator.door.call import Call
from harness.emulator.door.cors import CorsRule
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, blob, structure
from harness.emulator.lambda_.policies import policies_about
from harness.emulator.lambda_.records import Function, Store
from harness.emulator.lambda_.references import LATEST
from harness.emulator.services import Operation

PREFIX = "/_aws/lambda-url/"
_HOST = re.compile(r"(?P<number>[a-z0-9]{32})\.lambda-url\..+")
_PATH = re.compile(rf"{PREFIX}(?P<number>[a-z0-9]+)(?P<below>/.*)?")
_METHODS = ("GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS")
_ACTION = "lambda:InvokeFunctionUrl"
_FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}


_AFTER_PRELUDE = b"\0" * 8


class FunctionUrls:
    """Answers requests to functions' URLs.

    Args:
        store: has the functions.
        call: carries out a call to any service.
        permissions: know what roles may do.
        caller: whose a request is, by its signature; None for the developer.
    """

    def __init__(
        self,
        store: Store,
        call: Operation,
        permissions: Permissions,
        caller: Callable[[Request], Actor | None],
    ) -> None:
        self._store = store
        self._call = call
        self._permissions = permissions
        self._caller = caller

    def cors(self, request: Request) -> Sequence[CorsRule] | None:
        """Return what pages may ask of the function that *request* is to; empty where its URL does not say.

        https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
        """
        match = _HOST.fullmatch(str(request.host).partition(":")[0].lower()) or _PATH.fullmatch(request.path)
        found = self._find(match["number"]) if match is not None else None
        if found is None:
            return None
        given = found[2].get("Cors") or {}
        if not given.get("AllowOrigins"):
            return ()
        methods = given.get("AllowMethods") or ()
        return (
            CorsRule(
                given["AllowOrigins"],
                _METHODS if "*" in methods else methods,
                given.get("AllowHeaders") or (),
                given.get("ExposeHeaders") or (),
                given.get("MaxAge"),
                bool(given.get("AllowCredentials")),
            ),
        )

    def answer(self, request: Request) -> Response | None:
        """Answer *request*; None where it is to no function's URL."""
        by_host = _HOST.fullmatch(str(request.host).partition(":")[0].lower())
        match = by_host or _PATH.fullmatch(request.path)
        if match is None:
            return None
        path = "/" + (str(request.path) if by_host else match["below"] or "/").lstrip("/")
        found = self._find(match["number"])
        if found is None:
            return answer(404, {"Message": None})
        function, qualifier, config = found
        if not self._may_call(request, function, qualifier, config):
            return answer(403, _FORBIDDEN)
        asked = Asked(match["number"], function.region, path, request, "$default")
        account = "anonymous" if config["AuthType"] == "NONE" else function.account
        event = event_v2(asked, account, "$default", {})
        domain, request_id = f"{match['number']}.lambda-url.{function.region}.on.aws", str(uuid.uuid4())
        own = {"domainName": domain, "requestId": request_id}
        context = structure(event, "requestContext")
        event["requestContext"] = {**context, **own, "http": {**structure(context, "http"), "path": path}}
        event["headers"] = _headers(structure(event, "headers"), domain)
        named = {"FunctionName": function.name, "Payload": json.dumps(event).encode()}
        if qualifier != LATEST:
            named["Qualifier"] = qualifier
        call = Call("lambda", "Invoke", named, function.region, function.account, request_id=request_id)
        try:
            outcome = self._call(call)
        except AwsError as error:
            return answer(429 if error.status == 429 else 502, {"Message": error.message})
        response = answer(502, "Internal Server Error") if outcome.get("FunctionError") else None
        if response is None and config.get("InvokeMode") == "RESPONSE_STREAM":
            response = _streamed(blob(outcome, "Payload"))
        response = response or response_of(outcome, simple=True)
        response.headers["x-amzn-RequestId"] = call.request_id
        return response

    def _find(self, number: str) -> tuple[Function, str, Mapping[str, Any]] | None:
        for function in list(self._store.functions.values()):
            for qualifier, config in function.urls.items():
                if config["FunctionUrl"].rstrip("/").endswith(f"/{number}"):
                    return function, qualifier, config
        return None

    def _may_call(self, request: Request, function: Function, qualifier: str, config: Mapping[str, Any]) -> bool:
        arn = str(config["FunctionArn"])
        policies = policies_about(function, qualifier)
        if config["AuthType"] == "NONE":
            values = {"lambda:functionurlauthtype": ["NONE"]}
            asked = AskedOfPolicy(_ACTION, arn, values.get)
            named = any(statement.names_principal(("*",)) for document in policies for statement in read(document))
            return named and effects(policies, asked) == {"Allow"}
        if not request.headers.get("Authorization"):
            return False
        session = self._caller(request)
        return self._permissions.refusal(session, _ACTION, arn, resource_policies=policies) is None


def _headers(given: Members, domain: str) -> dict[str, object]:
    """Return the headers that a function sees: none of the way to AWS's front end are among them, its own are."""
    seen = {name: value for name, value in given.items() if name != "connection"}
    return {
        **seen,
        "host": domain,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def _streamed(payload: bytes) -> Response:
    """Make the answer of a URL whose ``InvokeMode`` is ``RESPONSE_STREAM``: a prelude with status and headers, a body.

    https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html
    """
    prelude, mark, body = payload.partition(_AFTER_PRELUDE)
    try:
        told = json.loads(prelude) if mark else None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return Response(payload, 200, content_type="application/octet-stream")
    response = Response(body, int(told.get("statusCode") or 200), content_type="application/octet-stream")
    for name, value in (told.get("headers") or {}).items():
        response.headers[name] = str(value)
    for cookie in told.get("cookies") or ():
        response.headers.add("Set-Cookie", cookie)
    return response
