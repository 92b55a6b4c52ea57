"""Heads of requests, read our way and as others do: what would be gained by another HTTP library.

    python -m benchmarks.heads

Prints a table: microseconds for the head of a StartExecution request as boto3 sends it, medians of several runs, and
requests a second of a trivial application on our server and on werkzeug's, over one connection each where it is kept.
Needs ``pip install httptools h11``, of the extra ``bench``.
"""

from __future__ import annotations

import http.client
import io
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response
from werkzeug.serving import make_server

from harness.emulator.door.heads import read_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HEAD = (
    b"Host: 127.0.0.1:4566\r\nAccept-Encoding: identity\r\nX-Amz-Target: AWSStepFunctions.StartExecution\r\n"
    b"Content-Type: application/x-amz-json-1.0\r\nUser-Agent: Boto3/1.41.0 md/Botocore#1.41.0 ua/2.1 os/linux#6.1 "
    b"md/arch#x86_64 lang/python#3.11.7 md/pyimpl#CPython m/Z,b,e cfg/retry-mode#legacy Botocore/1.41.0\r\n"
    b"X-Amz-Date: 20261127T010203Z\r\nX-Amz-Security-Token: harness\r\nAuthorization: AWS4-HMAC-SHA256 "
    b"Credential=AKIAIOSFODNN7EXAMPLE/20261127/us-east-1/states/aws4_request, "
    b"SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
    b"Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024\r\n"
    b"amz-sdk-invocation-id: 0b5ddc4c-5b21-4d3f-9a3a-5b1d5d1a5b1d\r\namz-sdk-request: attempt=1\r\n"
    b"Content-Length: 2\r\n\r\n"
)
LINE = b"POST / HTTP/1.1\r\n"
RUNS, HEADS, REQUESTS = 7, 2000, 2000


def ours() -> None:
    """Read headers as the emulator does."""
    read_headers(io.BytesIO(HEAD))


def standard_library() -> None:
    """Read headers as http.server, and werkzeug's server with it, does."""
    http.client.parse_headers(io.BytesIO(HEAD))


def by_httptools() -> None:
    """Read them with Node's parser; into a mapping, as WSGI needs them."""
    import httptools

    class Seen:
        def __init__(self) -> None:
            self.headers: dict[str, str] = {}

        def on_header(self, name: bytes, value: bytes) -> None:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    parser = httptools.HttpRequestParser(Seen())
    parser.feed_data(LINE + HEAD)


def by_h11() -> None:
    """Read them with h11."""
    import h11

    connection = h11.Connection(h11.SERVER)
    connection.receive_data(LINE + HEAD)
    connection.next_event()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with little."""
    request = Request(environ)
    request.get_data()
    return Response(b"{}", mimetype="application/x-amz-json-1.0")(environ, start_response)


def microseconds(read: Callable[[], None]) -> float:
    """Measure one head, the median of the runs."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(HEADS):
            read()
        times.append((time.perf_counter() - began) / HEADS * 1e6)
    return statistics.median(times)


def requests_a_second(port: int) -> float:
    """Measure one client, the median of the runs."""
    headers = dict(line.split(": ", 1) for line in HEAD.decode().strip().split("\r\n"))
    rates = []
    for _ in range(RUNS):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        began = time.perf_counter()
        for _ in range(REQUESTS // RUNS):
            connection.request("POST", "/", b"{}", headers | {"Host": f"127.0.0.1:{port}"})
            connection.getresponse().read()
        rates.append(REQUESTS // RUNS / (time.perf_counter() - began))
        connection.close()
    return statistics.median(rates)


def served_by_ours() -> float:
    """Measure our server."""
    from harness.emulator.door.boundary import Boundary
    from harness.emulator.door.server import HttpServer

    server = HttpServer(application, "127.0.0.1", 0, None, Boundary())
    server.start()
    try:
        return requests_a_second(int(server.url.rpartition(":")[2]))
    finally:
        server.stop()


def served_by_werkzeug() -> float:
    """Measure werkzeug's threaded server."""
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server: Any = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        return requests_a_second(server.server_port)
    finally:
        server.shutdown()


def main() -> None:
    """Print the tables."""
    print("| head of a request read by | µs |\n|---|---|")
    for name, read in (
        ("ours (`door/heads.py`)", ours),
        ("the standard library (werkzeug's server)", standard_library),
        ("httptools", by_httptools),
        ("h11", by_h11),
    ):
        print(f"| {name} | {microseconds(read):.0f} |")
    print("\n| a trivial application on | requests a second |\n|---|---|")
    print(f"| ours (`door/server.py`) | {served_by_ours():.0f} |")
    print(f"| werkzeug's server, threaded | {served_by_werkzeug():.0f} |")


if __name__ == "__main__":
    main()
