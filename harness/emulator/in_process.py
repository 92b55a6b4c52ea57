"""botocore's clients without the network in between: their requests are answered in this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from werkzeug import Request, Response

from harness.emulator.moto.headers import keep_names

OWN = "harness.own"
"""In a request's environment: the emulator asks for itself. No request that comes by HTTP can have it."""


def send_in_process(
    request: AWSPreparedRequest, answer: Callable[[Request], Response], own: bool = False, **_: object
) -> AWSResponse:
    """Answer what a client is about to send; to be registered for botocore's event ``before-send``.

    Args:
        request: as botocore would send it.
        answer: the emulator's door.
        own: the emulator's own doing: no fault is applied to it.
        _: further arguments of the event.
    """
    response = answer(Request({**_environ(request), OWN: own}))
    body = _Body(response.get_data())
    return AWSResponse(request.url, response.status_code, dict(response.headers), body)


class _Body(io.BytesIO):
    """What botocore takes for the body of an answer that comes in pieces."""

    def stream(self, amt: int = 1 << 16, **_: Any) -> Iterator[bytes]:
        while piece := self.read(amt):
            yield piece


def _environ(request: AWSPreparedRequest) -> dict[str, Any]:
    address = urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    data = body.encode() if isinstance(body, str) else bytes(body)
    headers = [
        (name, value.decode() if isinstance(value, bytes) else str(value)) for name, value in request.headers.items()
    ]
    path = address.path or "/"
    asked = f"{path}?{address.query}" if address.query else path
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, "latin-1") if path.isascii() else path.encode().decode("latin-1"),
        "QUERY_STRING": address.query,
        "REQUEST_URI": asked,
        "RAW_URI": asked,
        "SERVER_NAME": address.hostname or "localhost",
        "SERVER_PORT": str(address.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": address.netloc,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": address.scheme or "http",
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    environ["CONTENT_LENGTH"] = str(len(data))
    keep_names(environ, headers)
    return environ
