"""What can be watched: by its name, how its version is found, and how often to look."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from flask import Flask, Response, abort, request

from harness.dashboard import faults, map_runs
from harness.dashboard.clients import Clients
from harness.dashboard.endpoints import endpoints, shown
from harness.dashboard.services import buckets, functions, jobs, roles, stacks
from harness.dashboard.watch import TooManyStreams, Topic

if TYPE_CHECKING:
    from harness.dashboard.app import Dashboard


_SHOWN: Mapping[str, Callable[[Clients, str], object]] = {
    "buckets": lambda clients, _: buckets.buckets(clients.s3),
    "bucket": lambda clients, place: buckets.folder(clients.s3, *place.partition("/")[::2]),
    "endpoints": lambda clients, _: shown(clients) if clients.is_local else endpoints(clients.sagemaker),
    "faults": lambda clients, _: faults.board(clients),
    "functions": lambda clients, _: functions.functions(clients.functions),
    "function": functions.shown,
    "jobs": lambda clients, _: jobs.version_of(clients, ""),
    "job": jobs.version_of,
    "map-run": lambda clients, arn: map_runs.version_of(clients.states, arn),
    "roles": lambda clients, _: roles.listed(clients),
    "role": roles.shown,
    "stacks": lambda clients, _: stacks.stacks(clients.stacks),
    "stack": lambda clients, name: stacks.shown(clients.stacks, name),
}
"""By topic, what its page shows of the target; the page is another once that is."""
_OF_ONE = ("bucket", "function", "job", "map-run", "role", "stack")


def add_watch(app: Flask, page: Dashboard) -> None:
    """Add the stream of changes."""
    clients, interval = page.clients, page.interval

    def topic(asked: str) -> tuple[Hashable, Callable[[], Topic]]:
        kind, _, name = asked.partition(" ")
        if kind == "executions":
            return kind, lambda: Topic(lambda: _look_at_list(page), 4 * interval, 4 * interval)
        if kind == "execution" and name:
            return asked, lambda: Topic(lambda: _look_at(page, name), interval, 4 * interval)
        if kind == "captures" and name.startswith("s3://"):
            reader = page.reader(name)
            return asked, lambda: Topic(lambda: (reader.read(now=True).version, {}), 8 * interval, 8 * interval)
        if kind in _SHOWN and bool(name) == (kind in _OF_ONE):
            return asked, lambda: Topic(lambda: (_version(clients, kind, name), {}), 4 * interval, 8 * interval)
        abort(404, f"Nothing called {asked} can be watched.")

    @app.get("/watch")
    def watch() -> Response:
        try:
            stream = page.watch.stream(*topic(request.args.get("topic", "")))
        except TooManyStreams:
            return Response("too many pages are open", 503, {"Retry-After": "10"})
        # Closed by the server when the browser is gone, before or after the first event.
        response = Response(stream, content_type="text/event-stream")
        response.call_on_close(stream.close)  # type: ignore[attr-defined]
        response.headers["X-Accel-Buffering"] = "no"
        return response


def _look_at_list(page: Dashboard) -> tuple[Hashable, dict[str, Any]]:
    version = page.index.refresh(now=True)
    stubs = tuple(endpoint.name for endpoint in endpoints(page.clients.sagemaker) if endpoint.stub)
    return (version, stubs, faults.faults_on(page.clients)), {}


def _look_at(page: Dashboard, arn: str) -> tuple[Hashable, dict[str, Any]]:
    view = page.views.get(arn, now=True)
    states = {name: state["status"] for name, state in view.states.items()}
    return view.version, {"status": view.row.status, "states": states}


def _version(clients: Clients, kind: str, name: str) -> str:
    try:
        return repr(_SHOWN[kind](clients, name))
    except ClientError as error:  # what was shown is gone: its page says so
        return str(error.response["Error"]["Code"])
