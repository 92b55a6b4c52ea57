"""Answers requests to APIs that moto keeps: REST and HTTP, by functions and state machines.

Everybody may call them who may reach the emulator, but where the API asks for a signature; authorizers are refused.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-integration-types.html
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from werkzeug import Request, Response

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.sessions import Actor, RoleSession
from harness.emulator.apigateway.mapping import Mapper
from harness.emulator.apigateway.proxied import event_v1, event_v2, response_of
from harness.emulator.apigateway.requests import (
    Asked,
    answer,
    match,
    rank,
    read,
    request_value,
    route_of,
    through_cloudfront,
)
from harness.emulator.bounded_patterns import BoundedPattern
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import text
from harness.emulator.services import Operation

_FUNCTION = re.compile(r"functions/(arn:[^/]+)/invocations")
_ACTION = re.compile(r"arn:aws:apigateway:[a-z0-9-]+:(?P<service>[a-z0-9-]+):action/(?P<action>\w+)")
_SERVICES = {"states": "stepfunctions"}
_SUBTYPES = {
    "StepFunctions-StartExecution": ("stepfunctions", "StartExecution"),
    "StepFunctions-StartSyncExecution": ("stepfunctions", "StartSyncExecution"),
    "StepFunctions-StopExecution": ("stepfunctions", "StopExecution"),
    "SQS-SendMessage": ("sqs", "SendMessage"),
    "EventBridge-PutEvents": ("events", "PutEvents"),
}
_EVENT_MEMBERS = ("Detail", "DetailType", "Source", "EventBusName", "Resources", "Time")


class FrontDoors:
    """Answers requests to APIs.

    Args:
        call: carries out a call to any service.
        account: whose APIs they are.
        region: of APIs that are named by a path.
        permissions: hold whoever is known to ask to their policies.
    """

    def __init__(self, call: Operation, account: str, region: str, permissions: Permissions) -> None:
        self._carry_out = call
        self._account = account
        self._region = region
        self._permissions = permissions

    def answer(self, request: Request, actor: Actor | None = None) -> Response | None:
        """Answer *request*; None where it is for no API.

        Args:
            request: to whichever API.
            actor: who asks, where that is known; others are let in with any signature.
        """
        asked = read(request, self._region)
        if asked is None:
            return None
        asked = replace(asked, actor=actor)
        try:
            return self._rest(asked) or self._http(asked) or answer(403, {"message": "Forbidden"})
        except AwsError as error:
            status = 501 if error.code == "NotImplemented" else 500
            return answer(status, {"message": error.message if status == 501 else "Internal server error"})
        except ValueError:  # a mapped body that is no JSON
            return answer(500, {"message": "Internal server error"})

    def _call(
        self, asked: Asked, service: str, operation: str, role: str | None = None, **parameters: Any
    ) -> Mapping[str, Any]:
        caller = RoleSession(role, "BackplaneAssumeRoleSession") if role else None
        return self._carry_out(Call(service, operation, parameters, asked.region, self._account, caller))

    def _refusal(self, asked: Asked) -> str | None:
        """Why whoever asks may not invoke an API that asks for IAM; None where they may, or are not known."""
        if asked.actor is None:
            return None
        api = f"arn:aws:execute-api:{asked.region}:{self._account}:{asked.api}"
        path = asked.path.lstrip("/").removeprefix(f"{asked.stage}/")
        return self._permissions.refusal(
            asked.actor, "execute-api:Invoke", f"{api}/{asked.stage}/{asked.method}/{path}"
        )

    def _found(self, asked: Asked, service: str, operation: str, **parameters: Any) -> Mapping[str, Any] | None:
        try:
            return self._call(asked, service, operation, **parameters)
        except AwsError as error:
            if error.status != 404:
                raise
            return None

    # REST

    def _rest(self, asked: Asked) -> Response | None:
        api = self._found(asked, "apigateway", "GetRestApi", restApiId=asked.api)
        if api is None:
            return None
        response = self._rest_method(asked)
        response.headers["X-Amzn-Trace-Id"] = f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}"
        if "EDGE" in (api.get("endpointConfiguration") or {}).get("types", ["EDGE"]):
            response.headers.update(through_cloudfront())
        return response

    def _rest_method(self, asked: Asked) -> Response:
        stage, _, rest = asked.path.lstrip("/").partition("/")
        found = self._found(asked, "apigateway", "GetStage", restApiId=asked.api, stageName=stage)
        if found is None:
            return answer(403, {"message": "Forbidden"})
        variables = found.get("variables") or {}
        resources = self._call(asked, "apigateway", "GetResources", restApiId=asked.api, limit=500)["items"]
        for resource in sorted(resources, key=lambda item: rank(item["path"])):
            parameters = match(resource["path"], rest)
            methods = resource.get("resourceMethods") or {}
            name = next((name for name in (asked.method, "ANY") if name in methods), None)
            if parameters is None or name is None:
                continue
            asked = replace(asked, stage=stage, resource=resource["path"], parameters=parameters)
            of = {"restApiId": asked.api, "resourceId": resource["id"], "httpMethod": name}
            return self._method(asked, of, variables)
        return answer(403, {"message": "Missing Authentication Token"})

    def _method(self, asked: Asked, of: Mapping[str, str], variables: Mapping[str, str]) -> Response:
        method = self._call(asked, "apigateway", "GetMethod", **of)
        kind = method.get("authorizationType") or "NONE"
        if kind == "AWS_IAM" and "Authorization" not in asked.headers:
            return answer(403, {"message": "Missing Authentication Token"})
        words = self._refusal(asked) if kind == "AWS_IAM" else None
        if words is not None:
            return answer(403, {"Message": words})
        if kind not in ("NONE", "AWS_IAM"):
            raise AwsError("NotImplemented", f"not emulated: an API's authorizer ({kind})", 501)
        if method.get("apiKeyRequired") and not self._has_key(asked):
            return answer(403, {"message": "Forbidden"})
        integration = self._call(asked, "apigateway", "GetIntegration", **of)
        uri, kind = str(integration.get("uri", "")), integration["type"]
        function = _FUNCTION.search(uri)
        if kind == "AWS_PROXY" and function is not None:
            event = event_v1(asked, self._account, variables)
            return response_of(self._invoke(asked, function[1], event), simple=False)
        if kind not in ("AWS", "MOCK"):
            raise AwsError("NotImplemented", f"not emulated: an API's integration {kind} with {uri}", 501)
        mapper = self._mapper(asked, asked.body.decode("utf-8", "replace"), variables)
        template = _template(integration.get("requestTemplates") or {}, asked.headers.get("Content-Type"))
        body = asked.body.decode("utf-8", "replace") if template is None else mapper.fill(template)
        said, told = self._integrated(asked, kind, uri, body, integration.get("credentials"))
        return self._mapped(asked, integration, variables, said, told)

    def _has_key(self, asked: Asked) -> bool:
        given = asked.headers.get("X-Api-Key")
        keys = self._call(asked, "apigateway", "GetApiKeys", includeValues=True, limit=500).get("items") or ()
        return any(key.get("value") == given and key.get("enabled", True) for key in keys)

    def _integrated(self, asked: Asked, kind: str, uri: str, body: str, role: str | None) -> tuple[str, str]:
        """Return an integration's answer, and what responses are chosen by: a status, or the message of an error."""
        if kind == "MOCK":
            return "", str((json.loads(body or "{}") or {}).get("statusCode", 200))
        function = _FUNCTION.search(uri)
        if function is not None:
            outcome = self._invoke(asked, function[1], json.loads(body or "{}"), role)
            said = outcome["Payload"].decode()
            failed = outcome.get("FunctionError")
            return said, str((json.loads(said) or {}).get("errorMessage", "")) if failed else ""
        action = _ACTION.fullmatch(uri)
        if action is None:
            raise AwsError("NotImplemented", f"not emulated: an API's integration with {uri}", 501)
        service = _SERVICES.get(action["service"], action["service"])
        try:
            found = self._call(asked, service, action["action"], role, **json.loads(body or "{}"))
        except AwsError as error:
            return json.dumps({"__type": error.code, "message": error.message}), str(error.status)
        return json.dumps(found, default=_plain), "200"

    def _mapped(
        self, asked: Asked, integration: Mapping[str, Any], variables: Mapping[str, str], said: str, told: str
    ) -> Response:
        """Make the response by the integration's responses: the first whose pattern fits, else the one without."""
        chosen = None
        for response in (integration.get("integrationResponses") or {}).values():
            pattern = response.get("selectionPattern")
            if pattern and told and BoundedPattern(pattern).fullmatch(told):
                chosen = response
                break
            if not pattern:
                chosen = chosen or response
        if chosen is None:
            return answer(500, {"message": "Internal server error"})
        template = _template(chosen.get("responseTemplates") or {}, "application/json")
        mapper = self._mapper(asked, said, variables)
        body = said if template is None else mapper.fill(template)
        result = Response(body, int(chosen["statusCode"]), content_type="application/json")
        for name, value in (chosen.get("responseParameters") or {}).items():
            if name.startswith("method.response.header.") and value.startswith("'"):
                result.headers[name.removeprefix("method.response.header.")] = value.strip("'")
        return result

    def _mapper(self, asked: Asked, body: str, variables: Mapping[str, str]) -> Mapper:
        parameters = {
            "path": dict(asked.parameters),
            "querystring": {name: values[-1] for name, values in asked.query.items()},
            "header": asked.headers,
        }
        context = {
            "requestId": str(uuid.uuid4()),
            "stage": asked.stage,
            "httpMethod": asked.method,
            "resourcePath": asked.resource,
            "accountId": self._account,
            "apiId": asked.api,
            "path": asked.path,
            "identity": {"sourceIp": "127.0.0.1"},
        }
        return Mapper(body, parameters, context, variables)

    # HTTP

    def _http(self, asked: Asked) -> Response | None:
        if self._found(asked, "apigatewayv2", "GetApi", ApiId=asked.api) is None:
            return None
        stages = self._call(asked, "apigatewayv2", "GetStages", ApiId=asked.api)["Items"]
        first, _, rest = asked.path.lstrip("/").partition("/")
        names = {stage["StageName"]: stage for stage in stages}
        name, path = (first, f"/{rest}") if first in names else ("$default", asked.path)
        if name not in names:
            return answer(404, {"message": "Not Found"})
        asked = replace(asked, stage=name)
        routes = self._call(asked, "apigatewayv2", "GetRoutes", ApiId=asked.api)["Items"]
        found = route_of(routes, asked.method, path)
        if found is None:
            return answer(404, {"message": "Not Found"})
        route, parameters = found
        key = text(route, "RouteKey")
        kind = route.get("AuthorizationType") or "NONE"
        if kind not in ("NONE", "AWS_IAM"):
            raise AwsError("NotImplemented", f"not emulated: an API's authorizer ({kind})", 501)
        if kind == "AWS_IAM" and ("Authorization" not in asked.headers or self._refusal(asked) is not None):
            return answer(403, {"message": "Forbidden"})
        asked = replace(asked, parameters=parameters, resource=key.rpartition(" ")[2])
        identifier = text(route, "Target", "").rpartition("/")[2]
        of = {"ApiId": asked.api, "IntegrationId": identifier}
        integration = self._call(asked, "apigatewayv2", "GetIntegration", **of)
        variables = names[name].get("StageVariables") or {}
        return self._http_integration(asked, key, integration, variables)

    def _http_integration(
        self, asked: Asked, route: str, integration: Mapping[str, Any], variables: Mapping[str, str]
    ) -> Response:
        subtype = _SUBTYPES.get(integration.get("IntegrationSubtype", ""))
        if subtype is not None:
            given = {
                name: request_value(asked, value)
                for name, value in (integration.get("RequestParameters") or {}).items()
            }
            return self._first_class(asked, *subtype, given, integration.get("CredentialsArn"))
        uri = str(integration.get("IntegrationUri", ""))
        function = _FUNCTION.search(uri)
        arn = function[1] if function is not None else uri
        if str(integration.get("IntegrationType")).upper() != "AWS_PROXY" or ":lambda:" not in arn:
            raise AwsError("NotImplemented", f"not emulated: an API's integration with {uri}", 501)
        if integration.get("PayloadFormatVersion", "2.0") == "1.0":
            event = {"version": "1.0", **event_v1(asked, self._account, variables)}
        else:
            event = event_v2(asked, self._account, route, variables)
        return response_of(self._invoke(asked, arn, event), simple=True)

    def _first_class(
        self, asked: Asked, service: str, operation: str, given: dict[str, Any], role: str | None
    ) -> Response:
        """Call a service for an HTTP API, without a function.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html
        """
        given.pop("Region", None)
        if operation == "PutEvents":
            given = {"Entries": [{name: given[name] for name in _EVENT_MEMBERS if name in given}]}
        elif service == "stepfunctions":
            given = {name[:1].lower() + name[1:]: value for name, value in given.items()}
        try:
            found = self._call(asked, service, operation, role, **given)
        except AwsError as error:
            return answer(error.status, {"__type": error.code, "message": error.message})
        return Response(json.dumps(found, default=_plain), 200, content_type="application/json")

    def _invoke(
        self, asked: Asked, function: str, event: Mapping[str, Any], role: str | None = None
    ) -> Mapping[str, Any]:
        payload = json.dumps(event).encode()
        return self._call(asked, "lambda", "Invoke", role, FunctionName=function, Payload=payload)


def _template(templates: Mapping[str, str], content_type: str | None) -> str | None:
    kind = (content_type or "application/json").partition(";")[0].strip()
    return templates.get(kind) or templates.get("application/json") or templates.get("$default")


def _plain(value: Any) -> Any:
    return value.timestamp() if hasattr(value, "timestamp") else str(value)
