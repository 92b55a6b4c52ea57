"""The way to the emulator for programs that name AWS's hosts themselves.

Some code builds its endpoints on its own (the SageMaker SDK asks ``https://sts.<region>.amazonaws.com``) and so never
looks at ``AWS_ENDPOINT_URL``. Every HTTP client looks at ``HTTPS_PROXY``. The emulator is that proxy: a tunnel to one
of AWS's names ends in the emulator itself, under a certificate of its own authority; every other tunnel is passed on as
it is. So neither users' code nor an installed SDK is touched, and no request can reach real AWS.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import selectors
import socket
import ssl
from collections.abc import Callable
from io import BufferedIOBase
from typing import Protocol
from urllib.parse import unquote, urlsplit

from harness.emulator.door.certificates import CertificateAuthority

logger = logging.getLogger(__name__)

_AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "api.amazonwebservices.com.cn")
_CONNECT_TIMEOUT = 10.0
_BLOCK = 1 << 16


def is_aws(host: str) -> bool:
    """Whether *host* is a name under which AWS's services answer."""
    host = host.rstrip(".").lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in _AWS_DOMAINS)


class Connection(Protocol):
    """The handler of a request of :mod:`http.server`, which can go on under TLS."""

    path: str
    client_address: tuple[str, int]
    connection: socket.socket
    wfile: BufferedIOBase
    close_connection: bool

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """Go on with this connection under TLS."""

    def send_error(self, code: int, message: str | None = None) -> None:
        """Answer with an error."""

    def send_response_only(self, code: int, message: str | None = None) -> None:
        """Send a status line."""

    def end_headers(self) -> None:
        """End the head of an answer."""


class ForwardProxy:
    """Answers ``CONNECT``.

    Args:
        authority: makes the certificates for the names that are answered here.
        upstream: ``http://[user:password@]host:port`` of the proxy that this machine needs to reach others, or None.
        answered_here: says of a host's name whether a tunnel to it ends here; AWS's names do.
    """

    def __init__(
        self,
        authority: CertificateAuthority,
        upstream: str | None = None,
        answered_here: Callable[[str], bool] = is_aws,
    ) -> None:
        self._authority = authority
        self._answered_here = answered_here
        self._upstream = urlsplit(upstream) if upstream else None

    def connect(self, handler: Connection) -> None:
        """Open the tunnel that *handler* was asked for, and serve it to its end when it leads elsewhere."""
        host, _, port = handler.path.rpartition(":")
        host = host.strip("[]")
        if not host or not port.isdigit() or int(port) > 65535:
            handler.send_error(400, "CONNECT needs host:port")
        elif self._answered_here(host.rstrip(".").lower()):
            _established(handler)
            handler.speak_tls(self._authority.context_for(host.rstrip(".").lower()))
        elif not ipaddress.ip_address(handler.client_address[0]).is_loopback:
            handler.send_error(403, "only programs on this machine may go elsewhere")
        else:
            self._pass_on(handler, host, int(port))

    def _pass_on(self, handler: Connection, host: str, port: int) -> None:
        handler.close_connection = True
        try:
            other = self._dial(host, port)
        except OSError as error:
            handler.send_error(502, f"cannot reach {host}:{port}: {error}")
            return
        with other:
            _established(handler)
            _copy(handler.connection, other)

    def _dial(self, host: str, port: int) -> socket.socket:
        if self._upstream is None or not self._upstream.hostname:
            return socket.create_connection((host, port), _CONNECT_TIMEOUT)
        proxy = self._upstream
        connection = socket.create_connection((proxy.hostname, proxy.port or 80), _CONNECT_TIMEOUT)
        request = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        if proxy.username:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            request += f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        connection.sendall(f"{request}\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):  # by the byte: what follows belongs to the tunnel
            byte = connection.recv(1)
            if not byte or len(answer) > _BLOCK:
                connection.close()
                raise OSError("the proxy closed the connection")
            answer += byte
        status = answer.split(b" ", 2)[1]
        if not status.startswith(b"2"):
            connection.close()
            raise OSError(f"the proxy answered {status.decode('latin-1')}")
        return connection


def _established(handler: Connection) -> None:
    handler.send_response_only(200, "Connection established")
    handler.end_headers()
    handler.wfile.flush()


def _copy(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both sides have said all, or one is gone."""
    opposite = {one: other, other: one}
    with selectors.DefaultSelector() as selector:
        for side in opposite:
            side.settimeout(None)
            selector.register(side, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                source: socket.socket = key.fileobj  # type: ignore[assignment]
                try:
                    data = source.recv(_BLOCK)
                    if data:
                        opposite[source].sendall(data)
                        continue
                    opposite[source].shutdown(socket.SHUT_WR)
                except OSError:
                    return
                selector.unregister(source)
