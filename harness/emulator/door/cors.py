"""What a web page that is allowed by name may read: what its bucket's own CORS configuration says, as on AWS.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from werkzeug import Request, Response

from harness.emulator.door.errors import AwsError, s3_error_response
from harness.emulator.moto.app import service_of

_FORBIDDEN = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


@dataclass(frozen=True)
class CorsRule:
    """A rule of a bucket's CORS configuration."""

    origins: Sequence[str]
    methods: Sequence[str]
    headers: Sequence[str] = ()
    exposed: Sequence[str] = ()
    max_age: int | None = None
    credentials: bool | None = None
    """Whether pages may send credentials; None for S3's way, which is wherever not all origins may ask."""


EVERYTHING = CorsRule(["*"], ["GET", "HEAD", "PUT", "POST", "DELETE"], ["*"], ["*"])
"""What services other than S3 let pages do."""


def answer_page(
    request: Request,
    answer: Callable[[Request], Response],
    rules_of: Callable[[str], Sequence[CorsRule] | None],
    own: Sequence[CorsRule] | None = None,
) -> Response:
    """Answer a page that is allowed to ask, with the headers that let it read that, where its bucket says so.

    Args:
        request: what the page asks for, with an ``Origin``.
        answer: answers it.
        rules_of: the rules of a bucket; None where there is no such bucket.
        own: the rules of a function's URL; None where it is to none.
    """
    origin = request.headers["Origin"]
    wanted = request.headers.get("Access-Control-Request-Method")
    asked = [name.strip() for name in request.headers.get("Access-Control-Request-Headers", "").split(",") if name]
    of_s3 = own is None and service_of(request.headers.get("Authorization", "")) in (None, "s3")
    rules = rules_of(_bucket_of(request)) if of_s3 else own
    found = permission((EVERYTHING,) if rules is None else rules, origin, wanted or request.method, asked)
    if request.method == "OPTIONS" and wanted:
        if found is None and own is None:
            return s3_error_response(AwsError("AccessForbidden", _FORBIDDEN, 403), request.path, "")
        return Response(b"", 200, found or ())
    response = answer(request)
    for name in [name for name in response.headers.keys() if name.lower().startswith("access-control-")]:  # noqa: SIM118
        del response.headers[name]
    response.headers.extend(found or ())
    return response


def _bucket_of(request: Request) -> str:
    host = request.host.partition(":")[0]
    first, _, rest = host.partition(".")
    if rest and not host.replace(".", "").isdigit() and first != "s3":
        return first
    return request.path.lstrip("/").partition("/")[0]


def permission(
    rules: Iterable[CorsRule], origin: str, method: str, asked: Sequence[str] = ()
) -> list[tuple[str, str]] | None:
    """Return the headers by which the first rule that fits allows a request; None where none does.

    Args:
        rules: in their order.
        origin: of the page.
        method: of the request, or the one that a preflight asks for.
        asked: the headers that a preflight asks for.
    """
    for rule in rules:
        fits = any(_matches(pattern, origin) for pattern in rule.origins) and method in rule.methods
        if fits and all(any(_matches(p.lower(), name.lower()) for p in rule.headers) for name in asked):
            return _headers(rule, origin, asked)
    return None


def _matches(pattern: str, text: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _headers(rule: CorsRule, origin: str, asked: Sequence[str]) -> list[tuple[str, str]]:
    found = [
        ("Access-Control-Allow-Origin", "*" if "*" in rule.origins else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.methods)),
        ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    ]
    if asked:
        found.append(("Access-Control-Allow-Headers", ", ".join(asked)))
    if rule.exposed:
        found.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed)))
    if rule.max_age is not None:
        found.append(("Access-Control-Max-Age", str(rule.max_age)))
    if ("*" not in rule.origins) if rule.credentials is None else rule.credentials:
        found.append(("Access-Control-Allow-Credentials", "true"))
    return found
