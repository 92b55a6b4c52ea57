"""The pages as a WSGI application: what is asked for, looked up in the modules beside this one, and written as HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, abort, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from harness.dashboard import images, show
from harness.dashboard.captures import CaptureReader
from harness.dashboard.captures_page import add_captures
from harness.dashboard.clients import Clients
from harness.dashboard.endpoints import add_endpoints
from harness.dashboard.execution_page import add_execution
from harness.dashboard.faults import add_faults
from harness.dashboard.guard import Guard
from harness.dashboard.index import ExecutionIndex
from harness.dashboard.map_runs import add_map_runs
from harness.dashboard.overview import add_overview
from harness.dashboard.reasons import message_of, reason_of
from harness.dashboard.services.buckets import add_buckets
from harness.dashboard.services.functions import add_functions
from harness.dashboard.services.jobs import add_jobs
from harness.dashboard.services.roles import add_roles
from harness.dashboard.services.stacks import add_stacks
from harness.dashboard.stopped import who_stopped
from harness.dashboard.topics import add_watch
from harness.dashboard.views import ExecutionView, ExecutionViews
from harness.dashboard.watch import Watch
from harness.dashboard.workspace import add_workspace

NAVIGATION = (
    ("overview", "Executions", ("execution", "map_run")),
    ("functions", "Functions", ("function",)),
    ("endpoints", "Endpoints", ()),
    ("captures", "Captures", ()),
    ("jobs", "Jobs", ("job",)),
    ("buckets", "Buckets", ("bucket", "object")),
    ("roles", "Roles", ("role",)),
    ("stacks", "Stacks", ("stack",)),
    ("faults", "Faults", ()),
)
"""The pages that each page leads to: endpoint, title, and the pages that are below it."""
_GONE = ("ExecutionDoesNotExist", "InvalidArn")


class Dashboard:
    """The page of a target.

    Args:
        clients: lead to the target.
        control: whether executions may be started and faults switched from the page.
        hosts: names, besides loopback's, under which it may be asked.
    """

    def __init__(self, clients: Clients, *, control: bool = False, hosts: Iterable[str] = ()) -> None:
        self.clients = clients
        self.guard = Guard(hosts, control)
        self.watch = Watch()
        # Here asking costs a moment; elsewhere calls are counted.
        self.interval = 0.25 if clients.is_local else 1.0

        def who(arn: str, stopped: datetime | None) -> str:
            return who_stopped(clients, arn, stopped)

        local = clients.is_local
        self.index = ExecutionIndex(clients.states, 0.8 if local else 3.0, local, who if local else None)
        self.views = ExecutionViews(clients.states, self.interval, who)
        self.readers: dict[str, CaptureReader] = {}
        self._app = _make_app(self)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer a request, as a WSGI application."""
        return self._app(environ, start_response)

    def close(self) -> None:
        """End what is being told to browsers."""
        self.watch.close()

    def reader(self, uri: str) -> CaptureReader:
        """Return what reads the captures below *uri*."""
        if uri not in self.readers:
            while len(self.readers) >= 4:
                del self.readers[next(iter(self.readers))]
            self.readers[uri] = CaptureReader(self.clients.s3, uri, 1.0 if self.clients.is_local else 10.0)
        return self.readers[uri]


def _make_app(page: Dashboard) -> Flask:
    app = Flask("harness.dashboard")
    app.config["MAX_CONTENT_LENGTH"] = images.LARGEST + (1 << 20)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        seconds=show.seconds,
        moment=show.moment,
        data=show.data,
        editable=show.editable,
        shortened=show.shortened,
        pictures=show.pictures_in,
        message=message_of,
    )
    app.jinja_env.globals.update(NAVIGATION=NAVIGATION)
    app.jinja_env.globals.update(many=show.many, words=show.STATUS_WORDS, reason_of=reason_of, tojson_text=json.dumps)

    @app.before_request
    def refuse() -> Response | None:
        why = page.guard.refusal(request)
        return None if why is None else Response(why, 403, content_type="text/plain; charset=utf-8")

    @app.after_request
    def protect(response: Response) -> Response:
        files = f"{request.scheme}://{request.host}{request.script_root}/static/"
        response.headers.update(
            {
                "Content-Security-Policy": f"default-src 'none'; script-src {files}; style-src {files}; "
                "connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cache-Control": "no-cache" if request.endpoint == "static" else "no-store",
            }
        )
        return response

    @app.context_processor
    def common() -> dict[str, Any]:
        common = {"target": page.clients.target, "control": page.guard.control, "token": page.guard.token}
        return common | {"began": lambda: _began(page.clients)}

    @app.errorhandler(HTTPException)
    def say(error: HTTPException) -> Response:
        return _trouble(error.description or error.name, error.code or 500)

    @app.errorhandler(BotoCoreError)
    @app.errorhandler(ClientError)
    @app.errorhandler(OSError)
    def away(error: Exception) -> Response:
        return _trouble(str(error), 502, away=not isinstance(error, ClientError))

    def view_of(arn: str) -> ExecutionView:
        return _view(page, arn)

    add_overview(app, page.clients, page.index, page.views, page.watch)
    add_execution(app, page.clients, view_of)
    add_workspace(app, page.clients, page.index, page.views, page.watch, view_of)
    for add in (add_map_runs, add_functions, add_endpoints, add_jobs, add_buckets, add_roles, add_stacks):
        add(app, page.clients)
    add_captures(app, page.clients, page.reader)
    add_faults(app, page.clients, page.watch)
    add_watch(app, page)
    return app


def _began(clients: Clients) -> str:
    """When the emulator was started, where there is one that answers; another time is another emulator."""
    if clients.control is None:
        return ""
    try:
        return str(clients.control.get("health").get("started", ""))
    except (OSError, ValueError):
        return ""


def _trouble(what: str, status: int, away: bool = False) -> Response:
    if request.method not in ("GET", "HEAD"):
        return make_response({"message": what}, status)
    return make_response(render_template("trouble.html", what=what, away=away), status)


def _view(page: Dashboard, arn: str) -> ExecutionView:
    try:
        return page.views.get(arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            abort(404, f"There is no execution {arn}.")
        raise
