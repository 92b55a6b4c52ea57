"""How tasks reach what answers HTTP: APIs that are kept here, and servers elsewhere."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.emulator.stepfunctions.integrations.reach import Caller, Unreachable
from harness.emulator.stepfunctions.integrations.values import Unusable

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
MOST_BYTES = 262_144
_SECONDS = 60.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class WebRequest:
    """What is asked."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class WebAnswer:
    """What is answered."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode("utf-8", "replace")

    def as_json(self) -> dict[str, object]:
        """As tasks get it, its members in the order of their names."""
        headers: dict[str, list[str]] = {}
        for name, value in self.headers:
            headers.setdefault(name, []).append(value)
        kind = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        body: object = self.text
        if kind.partition(";")[0].strip().lower().endswith(("/json", "+json")):
            with contextlib.suppress(ValueError):
                body = json.loads(self.body)
        return {
            "Headers": dict(sorted(headers.items(), key=lambda item: item[0].lower())),
            "ResponseBody": body,
            "StatusCode": self.status,
            "StatusText": self.reason,
        }


def _no_api(request: WebRequest, caller: Caller) -> WebAnswer:
    raise Unreachable("not emulated: apigateway:invoke, since this emulator does not answer for APIs")


@dataclass(frozen=True)
class Web:
    """What HTTP tasks can reach.

    Attributes:
        api: asks an API of API Gateway that is kept here, as somebody whose policies count where the API asks for IAM.
        refusal: AWS's words for why somebody may not do an action to a resource; None where they may.
        hosts: that may be called beside this machine's own.
    """

    api: Callable[[WebRequest, Caller], WebAnswer] = _no_api
    refusal: Callable[[Caller, str, str], str | None] = lambda caller, action, resource: None
    hosts: frozenset[str] = frozenset()

    def may_call(self, url: str) -> bool:
        """Whether a server may be called: one of this machine, or a host that is allowed, by HTTPS."""
        parts = urlsplit(url)
        if parts.hostname in _LOOPBACK:
            return parts.scheme in ("http", "https")
        return parts.scheme == "https" and parts.hostname in self.hosts


def send(request: WebRequest) -> WebAnswer:
    """Ask a server by HTTP; redirects are answers like any other.

    Raises:
        Unreachable: nobody answers in a minute, or more than 256 KiB.
    """
    parts = urlsplit(request.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.putrequest(request.method, path, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        answer = connection.getresponse()
        body = answer.read(MOST_BYTES + 1)
    except (OSError, socket.gaierror, ssl.SSLError, http.client.HTTPException) as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    finally:
        connection.close()
    if len(body) > MOST_BYTES:
        raise Unreachable("The response exceeds the maximum size of 262144 bytes.")
    return WebAnswer(answer.status, answer.reason, tuple(answer.getheaders()), body)


def checked(arguments: object, allowed: frozenset[str], denied: frozenset[str], prefixes: tuple[str, ...]) -> None:
    """Refuse what no HTTP task takes.

    Args:
        arguments: of the task.
        allowed: the fields that there are.
        denied: headers that are not to be set, in small letters.
        prefixes: of further such headers.

    Raises:
        Unusable: a field is missing, is none, or has a value that it cannot have.
    """
    if not isinstance(arguments, dict):
        raise Unusable("The Parameters must be a JSON object")
    for name in arguments:
        if name not in allowed:
            raise Unusable(f'The field "{name}" is not supported by Step Functions')
    for name in ("ApiEndpoint", "Method"):
        if not isinstance(arguments.get(name), str):
            raise Unusable(f'The field "{name}" is required but was missing')
    if arguments["Method"] not in METHODS:
        raise Unusable(f'The value of "Method" must be one of {", ".join(METHODS)}')
    headers = arguments.get("Headers") or {}
    if not isinstance(headers, dict):
        raise Unusable('The value for the field "Headers" must be a JSON object')
    for name in headers:
        if name.lower() in denied or name.lower().startswith(prefixes):
            raise Unusable(f'The header "{name}" is not permitted')


def texts(value: object) -> list[str]:
    """Return the values of a header or parameter, of which there may be several."""
    return [_plain(item) for item in value] if isinstance(value, list) else [_plain(value)]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def pairs(given: object) -> list[tuple[str, str]]:
    """Names and values of an object whose values may be lists."""
    found = given if isinstance(given, dict) else {}
    return [(name, text) for name, value in found.items() for text in texts(value)]
