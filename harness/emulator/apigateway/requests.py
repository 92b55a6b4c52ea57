"""A request to an API: which API, which stage, which path; and the answers of API Gateway itself.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from werkzeug import Request, Response

from harness.emulator.access.sessions import Actor
from harness.emulator.door.members import Members, text

_HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.(?:(?P<region>[a-z0-9-]+)\.)?.+")
_PATH = re.compile(
    r"/restapis/(?P<rest_api>[a-z0-9]+)/(?P<stage>[^/]+)/_user_request_(?P<below>/.*)?"
    r"|/_aws/execute-api/(?P<api>[a-z0-9]+)(?P<rest>/.*)?"
)


@dataclass(frozen=True)
class Asked:
    """A request to an API.

    Attributes:
        path: below the API's address, stage and all.
        parameters: out of the path, once its route is known.
        stage: once that is known.
        actor: who asks, where that is known.
    """

    api: str
    region: str
    path: str
    request: Request
    stage: str = ""
    resource: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    actor: Actor | None = None

    @property
    def method(self) -> str:
        """``GET``."""
        return str(self.request.method)

    @property
    def body(self) -> bytes:
        """As it came."""
        return bytes(self.request.get_data())

    @property
    def headers(self) -> dict[str, str]:
        """The last one of each name."""
        return dict(self.request.headers.items())

    @property
    def query(self) -> dict[str, list[str]]:
        """Values by name."""
        return {name: self.request.args.getlist(name) for name in self.request.args}


def read(request: Request, region: str) -> Asked | None:
    """Which API a request is for; None where it is for none.

    Told by its host, or by a path that begins with ``/restapis/ID/STAGE/_user_request_`` or ``/_aws/execute-api/ID``,
    as other emulators have it.
    """
    host = str(request.host).partition(":")[0].lower()
    named = _HOST.fullmatch(host)
    if named is not None:
        found = named["region"] if named["region"] and "-" in named["region"] else region
        return Asked(named["api"], found, str(request.path), request)
    named = _PATH.fullmatch(request.path)
    if named is None:
        return None
    if named["rest_api"]:
        return Asked(named["rest_api"], region, f"/{named['stage']}{named['below'] or ''}", request)
    return Asked(named["api"], region, named["rest"] or "/", request)


def is_front_door(host: str, path: str) -> bool:
    """Whether what is asked for is an API or a function's URL, whose own it is to say who may call it."""
    by_host = ".execute-api." in host or ".lambda-url." in host
    return by_host or path.startswith("/_aws/lambda-url/") or _PATH.fullmatch(path) is not None


def answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of API Gateway's own.

    Args:
        status: HTTP status.
        body: written as JSON.
        headers: beside ``Content-Type``; None: no others.
    """
    return Response(json.dumps(body), status, dict(headers or {}), content_type="application/json")


def through_cloudfront() -> dict[str, str]:
    """Headers of an answer that comes through CloudFront, as those of edge-optimized APIs do."""
    at, name, number = secrets.token_hex(16), secrets.token_urlsafe(41), f"{secrets.randbelow(100)}"
    return {
        "Via": f"1.1 {at}.cloudfront.net (CloudFront)",
        "X-Amz-Cf-Id": f"{name}==",
        "X-Amz-Cf-Pop": f"IAD{number}-P1",
        "X-Cache": "Miss from cloudfront",
    }


def match(template: str, path: str) -> dict[str, str] | None:
    """Parameters of *path* by a route's *template* with ``{name}`` and ``{name+}``; None where it does not fit."""
    wanted, given = template.strip("/").split("/"), path.strip("/").split("/")
    found: dict[str, str] = {}
    for index, part in enumerate(wanted):
        if part.startswith("{") and part.endswith("+}"):
            rest = "/".join(given[index:])
            return {**found, part[1:-2]: rest} if rest else None
        if index >= len(given):
            return None
        if part.startswith("{") and part.endswith("}"):
            if not given[index]:
                return None
            found[part[1:-1]] = given[index]
        elif part != given[index]:
            return None
    return found if len(wanted) == len(given) else None


def rank(template: str) -> tuple[int, ...]:
    """Sorts routes: what is more exact comes first."""
    return tuple(
        2 if part.endswith("+}") else 1 if part.startswith("{") else 0 for part in template.strip("/").split("/")
    )


def route_of(routes: list[Members], method: str, path: str) -> tuple[Members, dict[str, str]] | None:
    """Find the most exact route for a request, and what its path has for its parameters.

    Args:
        routes: of an HTTP API.
        method: ``GET``.
        path: below the stage.
    """
    fallback: tuple[Members, dict[str, str]] | None = None
    fitting = []
    for route in routes:
        key = text(route, "RouteKey")
        if key == "$default":
            fallback = (route, {})
            continue
        wanted, _, template = key.partition(" ")
        parameters = match(template, path)
        if parameters is not None and wanted in (method, "ANY"):
            fitting.append((rank(template), wanted == "ANY", route, parameters))
    if fitting:
        _, _, route, parameters = min(fitting, key=lambda item: item[:2])
        return route, parameters
    return fallback


def request_value(asked: Asked, template: str) -> str:
    """Return a value of an integration's parameters: ``$request.body.name``, or a text."""

    def find(path: str) -> object:
        place, _, name = path.partition(".")
        if place == "body":
            if not name:
                return asked.body.decode("utf-8", "replace")
            value: object = json.loads(asked.body or b"{}")
            for step in name.split("."):
                value = value.get(step) if isinstance(value, Mapping) else None
            return value
        if place == "header":
            return asked.request.headers.get(name, "")
        if place == "querystring":
            return ",".join(asked.query.get(name, ()))
        return asked.parameters.get(name, "") if place == "path" else asked.path

    if template.startswith("$request."):
        value = find(template.removeprefix("$request."))
        return value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"\$\{request\.([\w.-]+)\}", lambda found: str(find(found[1])), template)
