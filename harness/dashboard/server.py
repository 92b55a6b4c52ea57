"""``harness dashboard``: the page in the foreground, until it is told to stop."""

from __future__ import annotations

import signal
import threading


def serve(target: str, host: str, port: int) -> None:
    """Serve the page for the target that boto3 is led to, until SIGINT or SIGTERM.

    Raises:
        OSError: the port is taken.
    """
    import boto3
    from rich.console import Console

    from harness.dashboard.app import Dashboard
    from harness.emulator.http_server import HttpServer

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = HttpServer(Dashboard(boto3.Session(), target), host, port)
    server.start()
    try:
        Console(highlight=False).print(
            f"Open [bold]{server.url}[/bold] in a browser. Stop with Ctrl-C.", soft_wrap=True
        )
        while not stop.wait(1):
            pass
    finally:
        server.stop()
