"""``harness dashboard``: the page in the foreground, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.targets.target import Target


def serve(target: Target, host: str, port: int, *, control: bool, hosts: Iterable[str] = ()) -> None:
    """Serve the page for *target*, to which boto3 is led, until SIGINT or SIGTERM.

    Args:
        target: where AWS answers.
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
        control: whether executions may be started and faults switched from the page.
        hosts: names, besides loopback's, under which it may be asked.

    Raises:
        OSError: the port is taken.
    """
    import boto3
    from rich.console import Console

    from harness.dashboard.app import Dashboard
    from harness.dashboard.clients import clients_of
    from harness.emulator.door.server import HttpServer

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    clients = clients_of(boto3.Session(), target.name, target.control_url, token=target.control_token)
    page = Dashboard(clients, control=control, hosts=hosts)
    server = HttpServer(page, host, port)
    server.start()
    try:
        mode = "Executions can be started from it." if control else "It only shows; --control lets it start executions."
        Console(highlight=False).print(
            f"Open [bold]{server.url}[/bold] in a browser. {mode} Stop with Ctrl-C.", soft_wrap=True
        )
        while not stop.wait(1):
            pass
    finally:
        page.close()
        server.stop()
