"""API Gateway, REST and HTTP.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.cloudformation.documents import parse
from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.providers.base import Made, Provider, Work, gone_is_fine, required
from harness.emulator.cloudformation.providers.custom import Nothing
from harness.emulator.cloudformation.providers.declared import Declared, called
from harness.emulator.cloudformation.shapes import fit

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method"})
_CALLERS = "arn:aws:iam::*:user/*"
"""Credentials of an integration that stand for those of whoever calls."""
_AUTHORIZERS = {"awsSigv4": "AWS_IAM", "cognito_user_pools": "COGNITO_USER_POOLS", "jwt": "JWT"}


def _security(document: Mapping[str, Any], method: Mapping[str, Any]) -> dict[str, Any]:
    """How a method of an OpenAPI document is guarded, as PutMethod has it.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html
    """
    components = document.get("components") or {}
    schemes = document.get("securityDefinitions") or components.get("securitySchemes") or {}
    asked = method.get("security", document.get("security")) or []
    names = [name for each in asked for name in each]
    found: dict[str, Any] = {"authorizationType": "NONE", "apiKeyRequired": False}
    for name in names:
        scheme = schemes.get(name) or {}
        authorizer = scheme.get("x-amazon-apigateway-authorizer") or {}
        kind = scheme.get("x-amazon-apigateway-authtype") or authorizer.get("type")
        if kind is not None:
            found["authorizationType"] = _AUTHORIZERS.get(kind, "CUSTOM")
        elif scheme.get("type") == "apiKey":
            found["apiKeyRequired"] = True
    return found


class HttpApi(Declared):
    """``AWS::ApiGatewayV2::Api``: moto imports its document's routes without what guards them."""

    def _set_afterwards(self, work: Work, made: Made) -> None:
        super()._set_afterwards(work, made)
        document = work.properties.get("Body") or {}
        paths = document.get("paths") or {}
        for route in work.call("apigatewayv2", "GetRoutes", ApiId=made.physical_id)["Items"] if paths else ():
            method, _, path = route["RouteKey"].partition(" ")
            described = (paths.get(path) or {}).get(method.lower()) or {}
            kind = _security(document, described)["authorizationType"]
            if kind != "NONE":
                of = {"ApiId": made.physical_id, "RouteId": route["RouteId"]}
                work.call("apigatewayv2", "UpdateRoute", **of, AuthorizationType=kind)


class RestApi(Provider):
    """``AWS::ApiGateway::RestApi``, of its own properties or of an OpenAPI document."""

    def create(self, work: Work) -> Made:
        """Make the API with the paths that its document describes."""
        apart = ("Body", "BodyS3Location", "Name", "Parameters", "FailOnWarnings", "Mode", "Tags")
        given = {key: value for key, value in work.properties.items() if key not in apart}
        body = self._body(work)
        name = work.properties.get("Name") or body.get("info", {}).get("title") or work.name(128)
        asked, left = fit("apigateway", "CreateRestApi", {"name": name, **given})
        own = {key: value for key, value in work.all_tags.items() if not key.startswith("aws:")}
        api = str(work.call("apigateway", "CreateRestApi", **asked, tags=own)["id"])
        made = Made(api, {"RestApiId": api}, notes=left)
        with self.removed_unless_whole(work, made):
            made.attributes["RootResourceId"] = self._resources(work, api)["/"]
            self._put(work, api, body)
        return made

    def update(self, work: Work, made: Made) -> Made:
        """Put its paths anew where ``Body`` is another."""
        api = made.physical_id
        if work.before.get("Body") != work.properties.get("Body") and self._body(work):
            resources = self._resources(work, api)
            for path in sorted(resources.keys() - {"/"}, reverse=True):  # what is below first: moto would leave it
                work.call("apigateway", "DeleteResource", restApiId=api, resourceId=resources[path])
            self._put(work, api, self._body(work))
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove the API."""
        with gone_is_fine():
            work.call("apigateway", "DeleteRestApi", restApiId=made.physical_id)

    @staticmethod
    def _resources(work: Work, api: str) -> dict[str, str]:
        found = work.call("apigateway", "GetResources", restApiId=api, limit=500)["items"]
        return {item["path"]: item["id"] for item in found}

    def _put(self, work: Work, api: str, body: Mapping[str, Any]) -> None:
        """Make resources, methods and integrations of an OpenAPI document.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
        """
        known = self._resources(work, api)
        for path, methods in (body.get("paths") or {}).items():
            resource = self._resource(work, api, path, known)
            for method, described in methods.items():
                if method in _METHODS:
                    name = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
                    of = {"restApiId": api, "resourceId": resource, "httpMethod": name}
                    self._method(work, of, described, _security(body, described))

    @staticmethod
    def _resource(work: Work, api: str, path: str, known: dict[str, str]) -> str:
        whole, parent = "", known["/"]
        for part in filter(None, path.split("/")):
            whole = f"{whole}/{part}"
            if whole not in known:
                asked = {"restApiId": api, "parentId": parent, "pathPart": part}
                known[whole] = work.call("apigateway", "CreateResource", **asked)["id"]
            parent = known[whole]
        return parent

    @staticmethod
    def _method(work: Work, of: Mapping[str, str], described: Mapping[str, Any], security: Mapping[str, Any]) -> None:
        work.call("apigateway", "PutMethod", **of, **security)
        for status in described.get("responses") or {}:
            if str(status).isdigit():
                work.call("apigateway", "PutMethodResponse", **of, statusCode=str(status))
        integration = described.get("x-amazon-apigateway-integration")
        if not integration:
            return
        given = {**integration, "type": str(integration.get("type", "")).upper()}
        given["integrationHttpMethod"] = str(given.pop("httpMethod", "POST")).upper()
        if given.get("credentials") == _CALLERS:  # nobody's own rights are asked for when a function is called here
            del given["credentials"]
        responses = given.pop("responses", None) or {}
        asked, _ = fit("apigateway", "PutIntegration", given)
        work.call("apigateway", "PutIntegration", **asked, **of)
        for pattern, response in responses.items():
            chosen = {} if pattern == "default" else {"selectionPattern": pattern}
            more = {key: value for key, value in response.items() if key in ("responseParameters", "responseTemplates")}
            status = str(response.get("statusCode", 200))
            work.call("apigateway", "PutIntegrationResponse", **of, statusCode=status, **chosen, **more)

    @staticmethod
    def _body(work: Work) -> Mapping[str, Any]:
        if "BodyS3Location" in work.properties:
            place = work.properties["BodyS3Location"]
            found: Mapping[str, Any] = parse(
                work.call("s3", "GetObject", Bucket=place["Bucket"], Key=place["Key"])["Body"].decode()
            )
            return found
        return work.properties.get("Body") or {}


class Method(Provider):
    """``AWS::ApiGateway::Method`` with its integration and responses."""

    fixed = frozenset({"RestApiId", "ResourceId", "HttpMethod"})

    def create(self, work: Work) -> Made:
        """Make the method."""
        given = work.properties
        of = {
            "restApiId": required(work, "RestApiId"),
            "resourceId": required(work, "ResourceId"),
            "httpMethod": required(work, "HttpMethod"),
        }
        apart = ("RestApiId", "ResourceId", "HttpMethod", "Integration", "MethodResponses")
        own = {key: value for key, value in given.items() if key not in apart}
        asked, left = fit("apigateway", "PutMethod", {"authorizationType": "NONE", **own})
        work.call("apigateway", "PutMethod", **{**asked, **of})
        for response in given.get("MethodResponses") or []:
            asked, _ = fit("apigateway", "PutMethodResponse", response)
            work.call("apigateway", "PutMethodResponse", **asked, **of)
        integration = dict(given.get("Integration") or {})
        if integration:
            responses = integration.pop("IntegrationResponses", None) or []
            integration["httpMethod"] = integration.pop("IntegrationHttpMethod", None)
            method = integration.pop("httpMethod")
            asked, unknown = fit("apigateway", "PutIntegration", integration)
            work.call("apigateway", "PutIntegration", **{**asked, **of}, integrationHttpMethod=method)
            left += unknown
            for response in responses:
                asked, _ = fit("apigateway", "PutIntegrationResponse", response)
                work.call("apigateway", "PutIntegrationResponse", **asked, **of)
        return Made(f"{work.stack_name}-{work.logical_id}", notes=left, facts=of)

    def update(self, work: Work, made: Made) -> Made:
        """Make it anew in its place."""
        self.delete(work, made)
        found = self.create(work)
        found.physical_id = made.physical_id
        return found

    def delete(self, work: Work, made: Made) -> None:
        """Remove the method."""
        with gone_is_fine():
            work.call("apigateway", "DeleteMethod", **made.facts)


class Deployment(Declared):
    """``AWS::ApiGateway::Deployment``, whose ``StageName`` makes a stage as well."""

    def delete(self, work: Work, made: Made) -> None:
        """Remove the deployment, and its own stage before it; that of a later deployment stays."""
        of = {"restApiId": made.facts["restApiId"], "stageName": work.properties.get("StageName")}
        with gone_is_fine():
            if of["stageName"]:
                if work.call("apigateway", "GetStage", **of).get("deploymentId") != made.physical_id:
                    return
                work.call("apigateway", "DeleteStage", **of)
        super().delete(work, made)


class RestStage(Declared):
    """``AWS::ApiGateway::Stage``."""

    _PATHS = frozenset({"DeploymentId", "Description", "TracingEnabled", "CacheClusterEnabled", "CacheClusterSize"})

    def update(self, work: Work, made: Made) -> Made:
        """Have it lead to another deployment, and have other variables."""
        before = work.before
        now, old = work.properties.get("Variables") or {}, before.get("Variables") or {}
        changes = [
            {"op": "replace", "path": f"/{name[0].lower()}{name[1:]}", "value": text_of(work.properties[name])}
            for name in sorted(self._PATHS & work.properties.keys())
            if work.properties[name] != before.get(name)
        ]
        changes += [{"op": "replace", "path": f"/variables/{name}", "value": text_of(now[name])} for name in now]
        changes += [{"op": "remove", "path": f"/variables/{name}"} for name in old.keys() - now.keys()]
        of = {"restApiId": made.facts["restApiId"], "stageName": made.physical_id}
        work.call("apigateway", "UpdateStage", **of, patchOperations=changes)
        return made

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether it has another name, or is another API's."""
        return any(before.get(name) != after.get(name) for name in ("RestApiId", "StageName"))


_V2 = {"ApiId": "{ApiId}"}


def _of_rest_api(noun: str) -> Declared:
    """Something of a REST API, known by the id that is answered."""
    ids = {"restApiId": "{restApiId}", f"{noun[0].lower()}{noun[1:]}Id": "{id}"}
    known = {f"{noun}Id": "{id}"}
    return Declared("apigateway", f"Create{noun}", "{out.id}", f"Delete{noun}", ids, attributes=known)


def _of_api(noun: str, update: str | None = None, fixed: frozenset[str] = frozenset()) -> Declared:
    """Something of an HTTP or WebSocket API, known by its ``NounId``."""
    known = {f"{noun}Id": "{id}"}
    made = f"{{{noun}Id}}"
    return Declared(
        "apigatewayv2", f"Create{noun}", made, f"Delete{noun}", {**_V2, **known}, update, attributes=known, fixed=fixed
    )


PROVIDERS: dict[str, Provider] = {
    "AWS::ApiGateway::RestApi": RestApi(),
    "AWS::ApiGateway::Method": Method(),
    "AWS::ApiGateway::Resource": _of_rest_api("Resource"),
    "AWS::ApiGateway::Deployment": Deployment.made(
        "apigateway",
        "Deployment",
        "{out.id}",
        {"restApiId": "{restApiId}", "deploymentId": "{id}"},
        attributes={"DeploymentId": "{id}"},
        ignore=frozenset({"StageDescription", "DeploymentCanarySettings"}),
    ),
    "AWS::ApiGateway::Stage": RestStage.made(
        "apigateway",
        "Stage",
        "{stageName}",
        {"restApiId": "{restApiId}", "stageName": "{stageName}"},
        ignore=frozenset({"MethodSettings", "AccessLogSetting"}),
    ),
    "AWS::ApiGateway::Account": Declared(
        "apigateway",
        "GetAccount",
        "{stack}-{logical}",
        attributes={"Id": "{id}"},
        ignore=frozenset({"CloudWatchRoleArn"}),
    ),
    "AWS::ApiGateway::Model": Declared.made(
        "apigateway",
        "Model",
        "{name}",
        {"restApiId": "{restApiId}", "modelName": "{id}"},
        **called("Name", "name"),
        always={"contentType": "application/json"},
    ),
    "AWS::ApiGateway::RequestValidator": _of_rest_api("RequestValidator"),
    "AWS::ApiGateway::Authorizer": _of_rest_api("Authorizer"),
    "AWS::ApiGateway::GatewayResponse": Declared(
        "apigateway",
        "PutGatewayResponse",
        "{responseType}",
        "DeleteGatewayResponse",
        {"restApiId": "{restApiId}", "responseType": "{responseType}"},
        attributes={"Id": "{id}"},
    ),
    "AWS::ApiGateway::ApiKey": Declared.made(
        "apigateway",
        "ApiKey",
        "{out.id}",
        {"apiKey": "{id}"},
        **called("Name", "name"),
        attributes={"APIKeyId": "{id}"},
    ),
    "AWS::ApiGateway::UsagePlan": Declared.made(
        "apigateway",
        "UsagePlan",
        "{out.id}",
        {"usagePlanId": "{id}"},
        **called("UsagePlanName", "name"),
        attributes={"Id": "{id}"},
    ),
    "AWS::ApiGateway::UsagePlanKey": Declared.made(
        "apigateway", "UsagePlanKey", "{out.id}", {"usagePlanId": "{usagePlanId}", "keyId": "{id}"}
    ),
    "AWS::ApiGatewayV2::Api": HttpApi(
        "apigatewayv2",
        "CreateApi",
        "{ApiId}",
        "DeleteApi",
        _V2,
        "UpdateApi",
        name="Name",
        longest=128,
        attributes={"ApiId": "{ApiId}", "ApiEndpoint": "{ApiEndpoint}"},
        always={"ProtocolType": "HTTP"},
        ignore=frozenset({"Body", "FailOnWarnings", "BasePath", "DisableSchemaValidation"}),
        afterwards={"ReimportApi": ("Body",)},
        fixed=frozenset({"ProtocolType"}),
    ),
    "AWS::ApiGatewayV2::Stage": Declared.made(
        "apigatewayv2",
        "Stage",
        "{StageName}",
        {**_V2, "StageName": "{StageName}"},
        "CreateStage",  # moto has no UpdateStage, and puts the new one in the place of the old one
        fixed=frozenset({"ApiId", "StageName"}),
        ignore=frozenset({"AccessLogSettings", "AccessPolicyId"}),
    ),
    "AWS::ApiGatewayV2::Integration": _of_api("Integration", "UpdateIntegration", fixed=frozenset({"ApiId"})),
    "AWS::ApiGatewayV2::Route": _of_api("Route", "UpdateRoute", fixed=frozenset({"ApiId"})),
    "AWS::ApiGatewayV2::Deployment": Nothing(),
    "AWS::ApiGatewayV2::Authorizer": _of_api("Authorizer"),
    "AWS::ApiGatewayV2::VpcLink": Declared.made(
        "apigatewayv2",
        "VpcLink",
        "{VpcLinkId}",
        {"VpcLinkId": "{id}"},
        name="Name",
        longest=128,
        attributes={"VpcLinkId": "{id}"},
    ),
}
