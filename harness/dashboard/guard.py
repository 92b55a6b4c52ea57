"""Whom the page answers: browsers that were led to it by its own address, and to changes only from its own pages.

It listens on this machine, where any web page can send requests; what it answers must stay here. A page elsewhere may
have its own name resolve to this machine (DNS rebinding): so the name that was asked for counts. It may send a form or
a fetch without reading the answer (cross-site request forgery): so a change needs this page's own origin and a token
that only a reader of the page has.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from werkzeug import Request

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN_HEADER = "X-Harness-Token"
_READS = ("GET", "HEAD")


class Guard:
    """Says why a request is refused.

    Args:
        hosts: names and addresses, besides loopback's, under which this server may be asked.
        control: whether anything may be changed from the page.
    """

    def __init__(self, hosts: Iterable[str] = (), control: bool = False) -> None:
        self._hosts = LOOPBACK | {host.lower() for host in hosts}
        self.control = control
        self.token = secrets.token_urlsafe(32)
        """What the page's own scripts send with a change."""

    def refusal(self, request: Request) -> str | None:
        """Why *request* is not answered, None when it is."""
        host = _name(request.host)
        if host not in self._hosts:
            return f"this page is not served under the name {host or 'that was asked for'}; see --allow-host"
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() != f"{request.scheme}://{request.host}".lower():
            return "requests from other web pages are refused"
        site, mode = request.headers.get("Sec-Fetch-Site", "none"), request.headers.get("Sec-Fetch-Mode", "navigate")
        if site not in ("none", "same-origin") and (mode != "navigate" or request.method not in _READS):
            return "requests from other web pages are refused"  # a link from elsewhere is fine
        if request.method in _READS:
            return None
        if not self.control:
            return "this page only shows: start it with --control"
        if origin is None:
            return "a change needs an Origin header, this page's own"
        if not secrets.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self.token.encode()):
            return f"a change needs this page's {TOKEN_HEADER}: reload the page"
        return None


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
