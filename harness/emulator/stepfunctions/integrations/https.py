"""``http:invoke``: a task that calls a server by HTTPS, with the credentials of a connection of EventBridge's.

https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from harness.emulator.door.members import text
from harness.emulator.stepfunctions.integrations.optimized import Action, Optimized
from harness.emulator.stepfunctions.integrations.reach import Caller, Reach, Refused, Unreachable
from harness.emulator.stepfunctions.integrations.values import Unusable, as_text
from harness.emulator.stepfunctions.integrations.web import MOST_BYTES, Web, WebRequest, checked, pairs, send, texts
from harness.states_language.effects import Failure, Json, Result

HTTP = Optimized("http", {"invoke": Action()}, "Http", base_error="HttpException")
_FIELDS = frozenset(
    {
        *("ApiEndpoint", "Method", "Authentication", "InvocationConfig", "Headers", "QueryParameters"),
        *("RequestBody", "Transform"),
    }
)
_DENIED = frozenset(
    {
        *("a-im", "accept-charset", "accept-datetime", "accept-encoding", "authorization", "cache-control"),
        *("connection", "content-encoding", "content-md5", "date", "expect", "forwarded", "from", "host"),
        *("http2-settings", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"),
        *("max-forwards", "origin", "pragma", "proxy-authorization", "referer", "server", "te", "trailer"),
        *("transfer-encoding", "upgrade", "via", "warning"),
    }
)
_FORMATS = ("INDICES", "BRACKETS", "REPEAT", "COMMAS", "NONE")
_MEDIA = ("image/", "video/", "audio/", "application/octet-stream")


class _Refusal(Exception):
    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.failure = Failure(error, cause)


def check(arguments: Json) -> None:
    """Refuse arguments with which the task is not started.

    Raises:
        Unusable: AWS's words.
    """
    checked(arguments, _FIELDS, _DENIED, ("x-forwarded", "x-amz", "x-amzn"))
    if not urlsplit(arguments["ApiEndpoint"]).hostname:
        raise Unusable('The value of "ApiEndpoint" must be a URL')
    if not _connection_of(arguments):
        raise Unusable('The field "ConnectionArn" is required but was missing')
    if (_options(arguments).get("ArrayFormat") or "INDICES") not in _FORMATS:
        raise Unusable(f'The value of "ArrayFormat" must be one of {", ".join(_FORMATS)}')


def call(reach: Reach, web: Web, arguments: Json, context: Json, caller: Caller) -> Result | Failure:
    """Call the server once.

    Args:
        reach: calls EventBridge and Secrets Manager.
        web: says what may be called.
        arguments: of the task, checked.
        context: of the execution.
        caller: for whom.
    """
    url = arguments["ApiEndpoint"]
    if not web.may_call(url):
        host = urlsplit(url).hostname
        words = f"not emulated: http:invoke to {host}. HARNESS_HTTP_HOSTS={host} allows it, by https."
        return Failure("Http.HttpException", words)
    machine = str(context.get("StateMachine", {}).get("Id", "*"))
    words_against = web.refusal(caller, "states:InvokeHTTPEndpoint", machine)
    if words_against is not None:
        return Failure("States.Http.AccessDenied", words_against)
    try:
        secret = _secret_of(reach, web, _connection_of(arguments), caller)
        answer = send(_request(arguments, secret, caller.region))
    except _Refusal as refusal:
        return refusal.failure
    except Unreachable as error:
        return Failure("States.Http.Socket", str(error))
    if not 200 <= answer.status < 300:
        return Failure(f"States.Http.StatusCode.{answer.status}", answer.text)
    kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    if kind.lower().startswith(_MEDIA):
        return Failure("States.Runtime", f"The content type {kind} of the response is not supported.")
    value = answer.as_json()
    return Result(value, as_text(value))


def _connection_of(arguments: Mapping[str, Json]) -> str:
    """Return the ARN of the connection, under either of its fields' names."""
    for name in ("Authentication", "InvocationConfig"):
        found = arguments.get(name)
        if isinstance(found, dict) and found.get("ConnectionArn"):
            return str(found["ConnectionArn"])
    return ""


def _secret_of(reach: Reach, web: Web, arn: str, caller: Caller) -> Mapping[str, Json]:
    """Read what EventBridge has put into the connection's secret; the role has to be allowed to read that."""
    denied = "Events.ConnectionResource.AccessDenied"
    words = web.refusal(caller, "events:RetrieveConnectionCredentials", arn)
    if words is not None:
        raise _Refusal(denied, words)
    try:
        name = arn.rpartition(":connection/")[2].partition("/")[0]
        found = reach("events", "DescribeConnection", {"Name": name}, replace(caller, actor=None)).output
    except Refused as error:
        raise _Refusal("Events.ConnectionResource.ResourceNotFound", error.message) from None
    if found.get("AuthorizationType") == "OAUTH_CLIENT_CREDENTIALS":
        raise _Refusal("Http.HttpException", "not emulated: connections that authorize by OAuth")
    if found.get("ConnectionArn") != arn:
        raise _Refusal("Events.ConnectionResource.ResourceNotFound", f"Connection '{name}' does not exist.")
    try:
        secret = reach("secretsmanager", "GetSecretValue", {"SecretId": text(found, "SecretArn")}, caller).output
    except Refused as error:
        raise _Refusal(denied, error.message) from None
    value = json.loads(text(secret, "SecretString"))
    return value if isinstance(value, dict) else {}


def _request(arguments: Mapping[str, Json], secret: Mapping[str, Json], region: str) -> WebRequest:
    """Make the request, with the connection's parameters in place of the task's where both have one."""
    added = secret.get("invocation_http_parameters") or {}
    headers = {name: ",".join(texts(value)) for name, value in (arguments.get("Headers") or {}).items()}
    headers |= _parameters(added, "header_parameters")
    query = {**(arguments.get("QueryParameters") or {}), **_parameters(added, "query_string_parameters")}
    body = _body(arguments, _parameters(added, "body_parameters"))
    if body and not any(name.lower() == "content-type" for name in headers):
        encoded = (arguments.get("Transform") or {}).get("RequestBodyEncoding") == "URL_ENCODED"
        headers["Content-Type"] = "application/x-www-form-urlencoded" if encoded else "application/json; charset=UTF-8"
    headers["User-Agent"] = f"Amazon|StepFunctions|HttpInvoke|{region}"
    headers["Range"] = f"bytes=0-{MOST_BYTES}"
    if "api_key_name" in secret:
        headers[str(secret["api_key_name"])] = str(secret["api_key_value"])
    elif "username" in secret:
        pair = f"{secret['username']}:{secret['password']}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    parts = urlsplit(arguments["ApiEndpoint"])
    asked = "&".join(part for part in (parts.query, urlencode(pairs(query))) if part)
    return WebRequest(arguments["Method"], urlunsplit(parts._replace(query=asked)), tuple(headers.items()), body)


def _parameters(added: Mapping[str, Json], kind: str) -> dict[str, str]:
    return {str(each["key"]): str(each["value"]) for each in added.get(kind) or ()}


def _options(arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    transform = arguments.get("Transform")
    found = transform.get("RequestEncodingOptions") if isinstance(transform, dict) else None
    return found if isinstance(found, dict) else {}


def _body(arguments: Mapping[str, Json], added: Mapping[str, str]) -> bytes:
    body = arguments.get("RequestBody")
    if added:
        if isinstance(body, str):
            raise _Refusal("States.Runtime", "A RequestBody that is a text cannot have the connection's parameters.")
        body = {**(body or {}), **added}
    if body is None:
        return b""
    if isinstance(body, dict) and (arguments.get("Transform") or {}).get("RequestBodyEncoding") == "URL_ENCODED":
        how = str(_options(arguments).get("ArrayFormat") or "INDICES")
        found = (pair for name, value in body.items() for pair in encoded_pairs(quote(name), value, how))
        return "&".join(f"{name}={value}" for name, value in found).encode()
    return (body if isinstance(body, str) else as_text(body)).encode()


def encoded_pairs(name: str, value: Json, how: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a form that stand for a value.

    Args:
        name: of the value, quoted.
        value: an object, a list, or something plain.
        how: lists are written: ``INDICES``, ``BRACKETS``, ``REPEAT``, ``COMMAS`` or ``NONE``.
    """
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from encoded_pairs(f"{name}[{quote(inner)}]", item, how)
    elif isinstance(value, list) and how == "COMMAS":
        yield name, ",".join(quote(each) for each in texts(value))
    elif isinstance(value, list) and how == "NONE":
        yield name, quote(as_text(value))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            suffix = {"INDICES": f"[{index}]", "BRACKETS": "[]", "REPEAT": ""}[how]
            yield from encoded_pairs(f"{name}{suffix}", item, how)
    else:
        yield name, quote(texts(value)[0])
