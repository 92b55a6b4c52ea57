"""The ``serve`` program: SageMaker's hosting contract over a model artifact.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import json
import logging
import signal
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import TYPE_CHECKING

from harness.algorithms.image_classification.artifact import TAR_FILE, load_artifact
from harness.algorithms.image_classification.container import Container
from harness.algorithms.image_classification.errors import CustomerError, log_line
from harness.algorithms.image_classification.logs import set_up_log

if TYPE_CHECKING:
    from harness.algorithms.image_classification.classifier import Classifier

CONTENT_TYPES = ("application/x-image", "image/jpeg", "image/png")
JSON = "application/json"
JSON_LINES = "application/jsonlines"
MAX_BODY = 25 * 1024 * 1024
"""Largest request body, in bytes: SageMaker's own limit for an endpoint."""
_MAX_PAYLOAD_MB = 20


def run_server(root: Path, host: str, port: int) -> int:
    """Serve the artifact in ``root/model`` until SIGTERM; return the program's exit code.

    The line ``Listening on http://HOST:PORT`` tells the port, which matters where *port* is 0.

    Args:
        root: the directory that stands in for ``/opt/ml``.
        host: address to listen on.
        port: 0 takes a free one.

    Returns:
        0, or 1 where the artifact cannot be served or the port is taken; the log says which.
    """
    logger = set_up_log()
    container = Container(root)
    packed = container.model / TAR_FILE
    try:
        # Heavy, and not needed to tell that an artifact is damaged.
        artifact = load_artifact(packed if packed.is_file() else container.model)
        from harness.algorithms.image_classification.classifier import Classifier

        server = InvocationServer((host, port), Classifier(artifact), logger)
    except Exception as error:
        logger.error(log_line(error), exc_info=not isinstance(error, CustomerError | OSError))
        return 1
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    logger.info("Listening on http://%s:%d", host, server.server_address[1])
    try:
        server.serve_forever(poll_interval=0.05)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


class InvocationServer(ThreadingHTTPServer):
    """Answers ``GET /ping`` and ``POST /invocations``, each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], classifier: Classifier, logger: logging.Logger) -> None:
        self.classifier = classifier
        self.logger = logger
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Take the address, and name the server by its number."""
        # The base class looks its own name up in DNS, which can take seconds where there is no network.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: InvocationServer
    # An answer leaves in one packet: headers and body apart wait for each other's acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._answer(HTTPStatus.OK, b"", JSON)
        elif self.path == "/execution-parameters":
            parameters = {
                "MaxConcurrentTransforms": 1,
                "BatchStrategy": "SINGLE_RECORD",
                "MaxPayloadInMB": _MAX_PAYLOAD_MB,
            }
            self._answer(HTTPStatus.OK, json.dumps(parameters).encode(), JSON)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"There is nothing at {self.path}.")

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        if self.path != "/invocations":
            self._refuse(HTTPStatus.NOT_FOUND, f"There is nothing at {self.path}.")
            return
        content_type = (self.headers.get("Content-Type") or CONTENT_TYPES[0]).partition(";")[0].strip().lower()
        if content_type not in CONTENT_TYPES:
            self._refuse(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-type {content_type} not supported. Supported content-type is {', '.join(CONTENT_TYPES)}",
            )
            return
        try:
            probabilities = self.server.classifier.classify(body).tolist()
        except CustomerError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"Unable to evaluate payload provided: {error}")
            return
        except Exception as error:
            self.server.logger.exception(log_line(error))
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "The algorithm failed; its log says why.")
            return
        if JSON_LINES in (self.headers.get("Accept") or ""):
            self._answer(HTTPStatus.OK, json.dumps({"prediction": probabilities}).encode() + b"\n", JSON_LINES)
        else:
            self._answer(HTTPStatus.OK, json.dumps(probabilities).encode(), JSON)

    def _body(self) -> bytes | None:
        """Return the request's body; ``None`` when it was refused."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            # Without a length the next request's start is not to be found on this connection.
            self.close_connection = True
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "The request needs a Content-Length.")
            return None
        if int(length[:20]) > MAX_BODY:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {MAX_BODY} bytes.")
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self.server.logger.error("Customer Error: %s" if status < 500 else "Algorithm Error: %s", message)
        self._answer(status, message.encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing for each request: health checks alone would fill the log."""
