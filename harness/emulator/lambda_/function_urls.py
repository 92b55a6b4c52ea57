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
from harness.emulator.door.members import structure
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
        """What pages may ask of the function that *request* is to; empty where its URL does not say.

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
        """The answer to *request*; None where it is to no function's URL."""
        by_host = _HOST.fullmatch(str(request.host).partition(":")[0].lower())
        match = by_host or _PATH.fullmatch(request.path)
        if match is None:
            return None
        path = str(request.path) if by_host else match["below"] or "/"
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
        event["requestContext"] = {**structure(event, "requestContext"), **own}
        named = {"FunctionName": function.name, "Payload": json.dumps(event).encode()}
        if qualifier != LATEST:
            named["Qualifier"] = qualifier
        call = Call("lambda", "Invoke", named, function.region, function.account, request_id=request_id)
        try:
            outcome = self._call(call)
        except AwsError as error:
            return answer(429 if error.status == 429 else 502, {"Message": error.message})
        response = answer(502, "Internal Server Error") if outcome.get("FunctionError") else None
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
