"""Who may knock: the one boundary in front of every service, page, control API and the forward proxy.

A web page in the developer's browser can send requests to this machine. It cannot choose what its browser says about
them, and that decides here, before a request's body is read:

- the name that was asked for (DNS rebinding: a page's own name that leads to this machine),
- ``Origin`` and ``Sec-Fetch-Site``, which say that a page of another site asks, also when it only reads,
- for a request that changes something: a header, method or content type that no page can send without having asked
  first (a CORS preflight, https://fetch.spec.whatwg.org/#cors-preflight-fetch), which is refused for its ``Origin``.

docs/security.md says what is trusted.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import parse_qsl, urlsplit

from harness.emulator.apigateway.requests import is_front_door
from harness.emulator.door.forward_proxy import is_aws

CONTROL_PREFIX = "/_harness/"
"""Paths of the emulator's own API; no AWS service has any below it."""
PAGE_PREFIX = "/_harness/dashboard"
"""Where a page for people is mounted."""
_HEALTH = f"{CONTROL_PREFIX}health"
_ANYWHERE = ("", "0.0.0.0", "::")
_AUTHORITY = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-][A-Za-z0-9._-]*)(?::(?P<port>\d{1,5}))?")
_READS = ("GET", "HEAD", "OPTIONS")
_SIMPLE_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
"""Content types that a page may send without asking first."""
_SIMPLE_METHODS = ("GET", "HEAD", "POST")
_UNSIGNED_TARGETS = ("AWSCognitoIdentityService.", "AWSCognitoIdentityProviderService.")
_FUNCTION_URL = ".lambda-url."
_CORS = "access-control-"


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    message: str


class Boundary:
    """Refuses, before anything is read or done, what does not come from programs that were led here.

    Args:
        host: address that is listened on.
        hosts: further names under which this server may be asked; names below them too, for virtual-hosted buckets.
        origins: origins of web pages that may ask, ``http://localhost:3000``.
        token: what the control API wants to be told where others than this machine reach it; empty for one made up.

    Raises:
        ValueError: a host or an origin is none.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        token: str = "",
    ) -> None:
        self._everywhere = host.strip("[]") in _ANYWHERE
        told = [_told_name(name) for name in hosts]
        if not self._everywhere:
            told.append(_told_name(host))
        self._names = frozenset(("localhost", *told))
        self._origins = frozenset(_told_origin(origin) for origin in origins)
        self.token = "" if is_loopback(host) else token or secrets.token_urlsafe(32)
        """What the control API wants to be told; empty where this machine alone reaches it."""

    def refusal(self, environ: Mapping[str, object], local_address: str = "") -> Refusal | None:
        """Why a request is not answered; None when it is.

        Args:
            environ: of WSGI, with ``wsgi.url_scheme`` ``https`` in a tunnel to one of AWS's names.
            local_address: this machine's address at which the request came in.
        """
        name = _name(_said(environ, "HTTP_HOST"))
        if name is None:
            return Refusal(400, "a request needs one Host header, a name or an address")
        if not self._is_mine(name, local_address) and not (environ.get("wsgi.url_scheme") == "https" and is_aws(name)):
            return Refusal(403, f"nothing is served under the name {name}; see --allow-host")
        path = _said(environ, "PATH_INFO")
        if path == PAGE_PREFIX or path.startswith(f"{PAGE_PREFIX}/"):
            return None  # it has rules of its own: harness.dashboard.guard
        control = path.startswith(CONTROL_PREFIX)  # no page's, whatever is allowed
        if _from_a_page(environ) and (control or self.allowed_origin(environ) is None):
            return Refusal(403, "requests from web pages are refused; see --allow-origin")
        if control:
            return self._control_refusal(environ, path)
        if _FUNCTION_URL in name or is_front_door(name, path):
            return None  # who may call a function by its URL, signed or not, is the function's to say; so for an API
        if environ.get("REQUEST_METHOD") not in _READS and not _shows_intent(environ):
            return Refusal(403, "a request that changes something needs a signature: an Authorization header")
        return None

    def proxy_refusal(self, headers: Message) -> Refusal | None:
        """Why no tunnel is opened for who sends *headers*; no page can ask for one, so none that says it is one may."""
        if headers.get("Origin") is not None or headers.get("Sec-Fetch-Site") is not None:
            return Refusal(403, "requests from web pages are refused")
        return None

    def allowed_origin(self, environ: Mapping[str, object]) -> str | None:
        """Return the origin of the page that asks, where it is allowed by name.

        A picture or a link carries no ``Origin``; there the browser's ``Referer`` says whose page it is.
        """
        origin, referer = _said(environ, "HTTP_ORIGIN").lower(), _said(environ, "HTTP_REFERER")
        if "HTTP_ORIGIN" not in environ and referer:
            parts = urlsplit(referer)
            origin = f"{parts.scheme}://{parts.netloc}".lower()
        return origin if origin in self._origins else None

    def leaving(self, environ: Mapping[str, object], headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """*headers* of an answer without those that let another site's page read it, unless its origin is allowed."""
        if self._origins and self.allowed_origin(environ) is not None:
            return headers
        return [(name, value) for name, value in headers if not name.lower().startswith(_CORS)]

    def _is_mine(self, name: str, local_address: str) -> bool:
        address = _address(name)
        if address is not None:
            # An address is no name that could lead here and elsewhere; but only those that do lead here are meant.
            return address.is_loopback or name in self._names or (self._everywhere and name == local_address)
        return any(name == mine or name.endswith(f".{mine}") for mine in self._names if _address(mine) is None)

    def _control_refusal(self, environ: Mapping[str, object], path: str) -> Refusal | None:
        if _content_type(environ) in _SIMPLE_TYPES and environ.get("REQUEST_METHOD") not in _READS:
            return Refusal(415, "the control API is told things as application/json")
        if not self.token or path.rstrip("/") == _HEALTH:
            return None
        if secrets.compare_digest(_said(environ, "HTTP_X_HARNESS_CONTROL_TOKEN").encode(), self.token.encode()):
            return None
        return Refusal(401, "others than this machine reach this emulator: its control API needs a token")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    name = _name(host) or _name(f"[{host}]") or ""
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def _name(authority: str) -> str | None:
    """Read the name or address in a Host header, in small letters; None for what is none, two of them for one."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or int(match["port"] or 0) > 65535:
        return None
    name = match["name"].lower().removesuffix(".")
    if name.startswith("["):
        try:
            return str(ipaddress.IPv6Address(name[1:-1]))
        except ValueError:
            return None
    return name or None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _told_name(text: str) -> str:
    name = _name(text) or _name(f"[{text}]")
    if name is None:
        raise ValueError(f"{text!r} is no host name: expected one such as emulator.test")
    return name


def _told_origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or text.lower() != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"{text!r} is no origin: expected one such as http://localhost:3000")
    return text.lower()


def _said(environ: Mapping[str, object], name: str) -> str:
    """Return what a request says by a variable of WSGI; empty where it says nothing."""
    value = environ.get(name)
    return value if isinstance(value, str) else ""


def _from_a_page(environ: Mapping[str, object]) -> bool:
    """Whether a browser sent the request for a page that is not ours."""
    return "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin")


def _shows_intent(environ: Mapping[str, object]) -> bool:
    """Whether a request is one that no page can send for another site's, or is signed in a form."""
    if environ.get("HTTP_AUTHORIZATION") or environ.get("REQUEST_METHOD") not in _SIMPLE_METHODS:
        return True  # S3 looks at who has signed nothing: see moto.s3_access
    if _said(environ, "HTTP_X_AMZ_TARGET").startswith(_UNSIGNED_TARGETS):
        return True
    kind = _content_type(environ)
    if kind == "multipart/form-data":
        # A browser's upload by a signed policy; S3 asks for the policy, and a browser says its Origin.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
        return True
    query = {name.lower() for name, _ in parse_qsl(_said(environ, "QUERY_STRING"), keep_blank_values=True)}
    return kind not in _SIMPLE_TYPES and bool(query & {"x-amz-signature", "signature"})


def _content_type(environ: Mapping[str, object]) -> str:
    return _said(environ, "CONTENT_TYPE").partition(";")[0].strip().lower()
