"""Passes requests on to where their service answers: for emulators that run only some, and for the compose stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from werkzeug import Request, Response

from harness.emulator.door.errors import AwsError, error_response
from harness.emulator.moto.app import service_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_TIMEOUT = 3600.0
_OF_THE_HOP = frozenset({"connection", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
"""Headers that are about one connection, not about the request.

https://www.rfc-editor.org/rfc/rfc9110#name-connection
"""

_SPEAK_XML = ("s3", "iam", "sts")


class Relay:
    """A WSGI application that answers nothing itself.

    Args:
        address_of: by the name that a request is signed for, ``http://host:port`` where that service answers.

    ``address_of`` raises LookupError for a service that is nowhere; its text is what the caller gets to read.
    """

    def __init__(self, address_of: Callable[[str], str]) -> None:
        import urllib3

        self._address_of = address_of
        self._pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(5, _TIMEOUT))

    def __call__(self, environ: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as a WSGI application."""
        return self.answer(Request(environ))(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Return what the service that *request* is for answers; 501 where it is nowhere, 502 where it is silent."""
        import urllib3

        # Without a signature it is S3's: public objects and presigned addresses.
        service = service_of(request.headers.get("Authorization", "")) or "s3"
        try:
            address = self._address_of(service)
        except LookupError as error:
            return _refusal(service, AwsError("ServiceNotRunHere", str(error.args[0]), 501))
        path = request.environ.get("RAW_URI") or request.full_path.rstrip("?")
        try:
            answer = self._pool.request(
                request.method,
                address.rstrip("/") + path,
                body=request.get_data(),
                headers=_passed_on(request.headers),
                redirect=False,
                preload_content=True,
                decode_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            return _refusal(service, AwsError("ServiceUnreachable", f"{service} at {address}: {error}", 502))
        return Response(answer.data, answer.status, list(_passed_on(answer.headers).items()))


def _refusal(service: str, error: AwsError) -> Response:
    if service not in _SPEAK_XML:
        return error_response(error, "")
    body = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
    if service != "s3":
        body = f"<ErrorResponse>{body}</ErrorResponse>"
    return Response(body, error.status, content_type="text/xml")


def _passed_on(headers: Mapping[str, str] | Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_THE_HOP}
