"""The emulator's HTTP server: werkzeug's threaded one, with connections kept open between requests.

werkzeug's development server closes the connection after every answer, and waits 10 ms for unread input before
it does. An SDK client sends its next call on the connection of its last, so here a connection stays open, each
answer leaves in one write (headers and body apart wait for one another, up to 40 ms, between Nagle's algorithm
and delayed acknowledgements), and a request's body is read before anything answers it.
"""

from __future__ import annotations

import io
import json
import logging
import socket
import ssl
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from harness.emulator.door.body import BodyError, check_signed_chunks, read_body
from harness.emulator.door.boundary import Refusal
from harness.emulator.door.heads import QuickHead
from harness.emulator.moto.headers import keep_names

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from harness.emulator.door.boundary import Boundary
    from harness.emulator.door.forward_proxy import ForwardProxy

logger = logging.getLogger(__name__)

_TLS_HANDSHAKE_LIMIT = 10.0
_PATIENCE = 60.0
"""Seconds for which a body may be silent."""
_LINGER = 1.0
_MOST_UNREAD = 1 << 22
_BLOCK = 1 << 16
_BODILESS = ("204", "304")


class KeepAliveRequestHandler(QuickHead, WSGIRequestHandler):
    """Answers WSGI requests over HTTP/1.1 on connections that are kept."""

    connection: socket.socket
    server: BaseWSGIServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def do_CONNECT(self) -> None:
        """Open a tunnel, as a proxy does."""
        proxy: ForwardProxy | None = getattr(self.server, "forward_proxy", None)
        boundary: Boundary | None = getattr(self.server, "boundary", None)
        refusal = boundary.proxy_refusal(self.headers) if boundary is not None else None
        if refusal is not None:
            self._refuse(refusal)
        elif proxy is None:
            self.send_error(405)
        else:
            proxy.connect(self)

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """Go on with this connection under TLS; a client that does not trust *context* is let go."""
        self.close_connection = True
        self.connection.settimeout(_TLS_HANDSHAKE_LIMIT)
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError as error:
            logger.info("TLS with %s failed: %s", self.client_address[0], error)
            return
        self.connection.settimeout(self.timeout)
        self.rfile = self.connection.makefile("rb")
        self.wfile = io.BufferedWriter(self.connection.makefile("wb", 0), self.wbufsize)
        self.close_connection = False

    def run_wsgi(self) -> None:
        """Answer a request, once the boundary lets it in."""
        environ = self.make_environ()
        keep_names(environ, self.headers.items())
        if isinstance(self.connection, ssl.SSLSocket):
            environ["wsgi.url_scheme"] = "https"
        boundary: Boundary | None = getattr(self.server, "boundary", None)
        if boundary is not None:
            asked = (self.headers.get("Host", ""), environ.get("HTTP_HOST", ""))  # a whole address may name another
            refusal = boundary.refusal(environ, self.connection.getsockname()[0])
            if asked[0].lower() != asked[1].lower():
                refusal = Refusal(400, "the request's address and its Host header name different hosts")
            if refusal is not None:
                self._refuse(refusal)
                return
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        try:
            self._buffer_body(environ)
        except BodyError as error:
            self._refuse(Refusal(error.status, str(error)))
            return
        except TimeoutError:
            self._refuse(Refusal(408, "the body did not come"))
            return
        except ConnectionError:
            self.close_connection = True
            return
        self.environ = environ  # werkzeug's own logging looks for it here
        head: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head[:] = [(status, headers)]
            return None

        try:
            body = self.server.app(environ, start_response)
        except Exception:
            logger.exception("%s %s failed", self.command, self.path)
            body = [b'{"__type":"InternalFailure","message":"The emulator failed; its log says why."}']
            head[:] = [("500 Internal Server Error", [("Content-Type", "application/json")])]
        status, headers = head[0]
        if boundary is not None:
            headers = boundary.leaving(environ, headers)
        try:
            self._send(status, headers, body)
        except ConnectionError:
            self.close_connection = True  # whoever asked has gone: a browser that leaves a page with a stream does
        finally:
            if hasattr(body, "close"):
                body.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, and close: the body, which may look like another request, is never read as one."""
        self.close_connection = True
        body = json.dumps({"message": refusal.message}).encode()
        headers = [("Content-Type", "application/json"), ("Connection", "close")]
        try:
            self._send(f"{refusal.status} {HTTPStatus(refusal.status).phrase}", headers, [body])
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER)
            for _ in range(_MOST_UNREAD // _BLOCK):  # closed with bytes unread, the answer would be lost on the way
                if not self.connection.recv(_BLOCK):
                    break
        except OSError:
            pass

    def finish(self) -> None:
        """Close the connection; what is still to be sent to a client that has gone is dropped."""
        try:
            super().finish()
        except ConnectionError:
            self.rfile.close()

    def _buffer_body(self, environ: dict[str, Any]) -> None:
        # What an application left unread would be taken for the next request on this connection.
        self.connection.settimeout(_PATIENCE)
        data = read_body(self.rfile, self.headers)
        check_signed_chunks(data, self.headers)
        self.connection.settimeout(self.timeout)
        if environ.pop("wsgi.input_terminated", None):
            environ["CONTENT_LENGTH"] = str(len(data))
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.input"] = io.BytesIO(data)

    def _send(self, status: str, headers: list[tuple[str, str]], body: Any) -> None:
        code, _, reason = status.partition(" ")
        bodiless = self.command == "HEAD" or code in _BODILESS
        names = {name.lower() for name, _ in headers}
        whole = body if isinstance(body, list) else None
        chunked = False
        if "content-length" not in names and not bodiless:
            if whole is None:
                chunked = True
                headers = [*headers, ("Transfer-Encoding", "chunked")]
            else:
                headers = [*headers, ("Content-Length", str(sum(map(len, whole))))]
        self.send_response_only(int(code), reason)
        if "date" not in names:
            self.send_header("Date", self.date_time_string())
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if not bodiless:
            for block in body:
                if chunked:
                    if block:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
                        self.wfile.flush()
                else:
                    self.wfile.write(block)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


class HttpServer:
    """Serves a WSGI application from a background thread, each connection on a thread of its own.

    Args:
        application: the WSGI application.
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
        forward_proxy: answers those who take this server for a proxy.
        boundary: refuses what it has to before the application is asked; None where that knows itself.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """

    def __init__(
        self,
        application: WSGIApplication,
        host: str,
        port: int,
        forward_proxy: ForwardProxy | None = None,
        boundary: Boundary | None = None,
    ) -> None:
        self._server: BaseWSGIServer = _listen(application, host, port)
        self._server.forward_proxy = forward_proxy  # type: ignore[attr-defined]
        self._server.boundary = boundary  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="http", daemon=True
        )

    @property
    def url(self) -> str:
        """``http://host:port`` at which this machine's programs reach it."""
        host, port = self._server.socket.getsockname()[:2]
        host = "127.0.0.1" if host == "0.0.0.0" else host  # all addresses: loopback is one that answers
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, if it still does. Answers under way are finished by their own threads."""
        if self._thread.is_alive():  # one that never began would be waited for without end
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _listen(application: WSGIApplication, host: str, port: int) -> BaseWSGIServer:
    # werkzeug ends the process when a port is taken; bound beforehand, the failure is an exception.
    with socket.create_server((host, port), backlog=256) as listener:  # werkzeug listens at a copy of it
        server = make_server(
            host,
            listener.getsockname()[1],
            application,
            threaded=True,
            request_handler=KeepAliveRequestHandler,
            fd=listener.fileno(),
        )
    server.daemon_threads = True  # type: ignore[attr-defined]
    server.block_on_close = False  # type: ignore[attr-defined]
    return server
