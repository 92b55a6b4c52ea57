"""``apigateway:invoke``: a task that calls a REST or HTTP API.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from harness.emulator.stepfunctions.integrations.optimized import WAITS_FOR_TOKEN, Action, Optimized
from harness.emulator.stepfunctions.integrations.reach import Caller, Reach, Unreachable
from harness.emulator.stepfunctions.integrations.values import Unusable, as_text
from harness.emulator.stepfunctions.integrations.web import Web, WebRequest, checked, pairs
from harness.states_language.effects import Failure, Json, Result

API_GATEWAY = Optimized(
    "apigateway", {"invoke": Action(waits=WAITS_FOR_TOKEN)}, "ApiGateway", base_error="ApiGatewayException"
)
_HOST = re.compile(r"[0-9a-z]+\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_LOCAL = re.compile(r"https?://(?:localhost(?:\.localstack\.cloud)?|127\.0\.0\.1)(?::\d+)?/restapis/([0-9a-z]+)/?")
"""A REST API as LocalStack's users write it, whose address names nothing but this machine."""
_FIELDS = frozenset(
    {
        *("ApiEndpoint", "Method", "Headers", "Stage", "Path", "QueryParameters", "RequestBody", "AuthType"),
        "AllowNullValues",
    }
)
_DENIED = frozenset(
    {
        *("authorization", "connection", "content-md5", "expect", "host", "max-forwards", "proxy-authenticate"),
        *("server", "te", "transfer-encoding", "trailer", "upgrade", "via", "www-authenticate"),
    }
)
_SIGNED = ("IAM_ROLE", "RESOURCE_POLICY")


def check(arguments: Json) -> None:
    """Refuse arguments with which the task is not started.

    Raises:
        Unusable: AWS's words.
    """
    checked(arguments, _FIELDS, _DENIED, ("x-forwarded", "x-amz"))
    if not _HOST.fullmatch(arguments["ApiEndpoint"]) and not _LOCAL.fullmatch(arguments["ApiEndpoint"]):
        raise Unusable('The value of "ApiEndpoint" must be <API ID>.execute-api.<region>.amazonaws.com')
    for name in ("Headers", "QueryParameters"):
        values = (arguments.get(name) or {}).values()
        if not all(isinstance(value, list) and all(isinstance(each, str) for each in value) for value in values):
            raise Unusable(f"The value of the field '{name}' has an invalid format")
    if arguments.get("AuthType", "NO_AUTH") not in ("NO_AUTH", *_SIGNED):
        raise Unusable('The value of "AuthType" must be one of NO_AUTH, IAM_ROLE, RESOURCE_POLICY')


def call(reach: Reach, web: Web, arguments: Json, context: Json, caller: Caller) -> Result | Failure:
    """Call the API once.

    Args:
        reach: calls services.
        web: reaches APIs.
        arguments: of the task, checked.
        context: of the execution.
        caller: for whom.
    """
    if arguments.get("AuthType") == "RESOURCE_POLICY":
        return Failure("ApiGateway.ApiGatewayException", "not emulated: an API's resource policy (AuthType)")
    path = "/".join(part for part in (arguments.get("Stage", ""), str(arguments.get("Path", "")).lstrip("/")) if part)
    query = urlencode(pairs(arguments.get("QueryParameters")))
    local = _LOCAL.fullmatch(arguments["ApiEndpoint"])
    host = f"{local[1]}.execute-api.{caller.region}.amazonaws.com" if local else arguments["ApiEndpoint"]
    url = f"https://{host}/{quote(path)}" + (f"?{query}" if query else "")
    given = arguments.get("RequestBody")
    body = b"" if given is None else as_text(given).encode()  # a text, too, is sent as JSON, in quotation marks
    headers = pairs(arguments.get("Headers"))
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    signed = caller if arguments.get("AuthType") in _SIGNED else None
    if signed is not None:
        headers.append(("Authorization", "AWS4-HMAC-SHA256"))
    try:
        answer = web.api(WebRequest(arguments["Method"], url, tuple(headers), body), caller)
    except Unreachable as error:
        return Failure("ApiGateway.SdkClientException", str(error))
    if not 200 <= answer.status < 300:
        return Failure(f"ApiGateway.{answer.status}", answer.text)
    value = answer.as_json()
    return Result(value, as_text(value))
