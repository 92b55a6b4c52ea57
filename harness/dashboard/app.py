"""The pages as a WSGI application: what is asked for, looked up in the modules beside this one, and written as HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from harness.dashboard import faults, images, show
from harness.dashboard.captures import CaptureReader, execution_of, least_sure
from harness.dashboard.clients import Clients
from harness.dashboard.data_flow import data_flow
from harness.dashboard.definition import elsewhere, graph_of, not_reached, states_in
from harness.dashboard.endpoints import Endpoint, add_endpoints, endpoints
from harness.dashboard.executions import ExecutionIndex, ExecutionView, ExecutionViews, Wanted
from harness.dashboard.guard import Guard
from harness.dashboard.items import picked
from harness.dashboard.logs import log_of
from harness.dashboard.map_runs import add_map_runs, version_of
from harness.dashboard.reasons import message_of, reason_of
from harness.dashboard.services.buckets import add_buckets
from harness.dashboard.services.functions import add_functions
from harness.dashboard.services.jobs import add_jobs
from harness.dashboard.services.jobs import version_of as version_of_job
from harness.dashboard.services.roles import add_roles
from harness.dashboard.services.stacks import add_stacks
from harness.dashboard.steps import states_of
from harness.dashboard.timeline import timeline_of
from harness.dashboard.watch import TooManyStreams, Topic, Watch
from harness.dashboard.workspace import VIEWS, add_workspace, events_of
from harness.scones.dataset import CLASS_NAMES
from harness.settings import get_settings

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
        self.index = ExecutionIndex(clients.states, 0.8 if clients.is_local else 3.0, details=clients.is_local)
        self.views = ExecutionViews(clients.states, self.interval)
        self.readers: dict[str, CaptureReader] = {}
        self._app = _make_app(self)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer a request, as a WSGI application."""
        return self._app(environ, start_response)

    def close(self) -> None:
        """End what is being told to browsers."""
        self.watch.close()

    def reader(self, uri: str) -> CaptureReader:
        """What reads the captures below *uri*."""
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

    _add_executions(app, page)
    add_workspace(app, page.clients, page.index, page.views, page.watch, lambda arn: _view(page, arn))
    add_map_runs(app, page.clients)
    for add in (add_functions, add_endpoints, add_jobs, add_buckets, add_roles, add_stacks):
        add(app, page.clients)
    _add_captures(app, page)
    _add_faults(app, page)
    _add_watch(app, page)
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


def _add_executions(app: Flask, page: Dashboard) -> None:
    clients = page.clients

    @app.get("/")
    def overview() -> str:
        asked = request.args
        wanted = Wanted(
            status=asked.get("status", ""),
            name=asked.get("name", "").strip(),
            machine=asked.get("machine", ""),
            error=asked.get("error", ""),
            within=asked.get("within", 0, type=int),
            sort=asked.get("sort", ""),
            page=asked.get("page", 1, type=int),
        )
        tab = asked.get("tab", "list")
        machines = page.index.machines()
        listing = page.index.listing(wanted)
        drawn = next((m for m in machines if m.arn == wanted.machine), None) or _liveliest(page, machines)
        return render_template(
            "overview.html",
            tab=tab if tab in ("start", "workflow") else "list",
            machines=machines,
            listing=listing,
            wanted=wanted,
            drawn=drawn,
            graph=None if drawn is None or tab != "workflow" else graph_of(drawn.definition),
            states_in=states_in,
            stubs=[endpoint.name for endpoint in endpoints(clients.sagemaker) if endpoint.stub],
            faults_on=_faults_on(clients),
        )

    @app.get("/start")
    def offer() -> str:
        machine = request.args.get("machine", "")
        newest = page.index.newest(machine)
        given = None if newest is None else page.views.get(newest.arn).input
        return render_template("start.html", offer=images.offer(clients.s3, given), machine=machine)

    @app.post("/start")
    def start() -> dict[str, str]:
        asked = request.get_json()
        try:
            json.loads(asked["input"])
        except ValueError as error:
            abort(400, f"The input is not JSON: {error}")
        try:
            started = clients.states.start_execution(stateMachineArn=asked["machine"], input=asked["input"])
        except ClientError as error:
            abort(400, error.response["Error"].get("Message") or str(error))
        page.index.stale()
        page.watch.look_now()
        arn = started["executionArn"]
        return {"arn": arn, "url": url_for("execution", arn=arn)}

    @app.post("/pictures")
    def drop() -> dict[str, str]:
        bucket = request.args.get("bucket", "")
        try:
            key = images.put_dropped(clients.s3, bucket, request.get_data())
        except images.PictureError as error:
            abort(400, f"{error}.")
        return {"bucket": bucket, "key": key, "url": url_for("picture", bucket=bucket, key=key)}

    @app.get("/picture")
    def picture() -> Response:
        try:
            data, kind = images.picture(clients.s3, request.args.get("bucket", ""), request.args.get("key", ""))
        except (images.PictureError, ClientError) as error:
            return Response(str(error), 404, content_type="text/plain; charset=utf-8")
        return Response(data, content_type=kind)

    @app.get("/executions/<path:arn>")
    def execution(arn: str) -> str:
        view = _view(page, arn)
        shown = request.args.get("view", "graph")
        shown = shown if shown in VIEWS else "graph"
        number = request.args.get("page", 1, type=int)
        graph = graph_of(view.definition)
        steps, pickers = picked(view.steps, request.args)
        states = states_of(steps)
        return render_template(
            "execution.html",
            shown=shown,
            tabs=VIEWS,
            timeline=timeline_of(view) if shown == "timeline" else None,
            virtual=shown == "timeline" and clients.control is not None and clients.control.get("clock")["virtual"],
            events=events_of(clients.states, view.row.arn, number) if shown == "events" else ([], 1),
            number=number,
            view=view,
            graph=graph,
            steps=steps,
            pickers=pickers,
            states=states | elsewhere(graph, states),
            missed=list(not_reached(graph, states)),
            steps_by_state={step.name: step.number for step in steps},
            answer=_answer(view),
        )

    @app.get("/text")
    def text() -> Response:
        view = _view(page, request.args.get("execution", ""))
        step = view.step(request.args.get("step", 0, type=int))
        what = request.args.get("what", "")
        if what not in ("input", "output", "cause", "definition"):
            abort(404, f"An execution has no {what}.")
        return Response(str(getattr(step or view, what, "")), content_type="text/plain; charset=utf-8")

    @app.get("/data-flow", endpoint="flow_of")
    def flow() -> str:
        view = _view(page, request.args.get("execution", ""))
        step = view.step(request.args.get("step", 0, type=int))
        if step is None:
            abort(404, "The execution has no such step.")
        return render_template("data_flow.html", flow=data_flow(view, step))

    @app.get("/logs")
    def logs() -> str:
        view = _view(page, request.args.get("execution", ""))
        step = view.step(request.args.get("step", 0, type=int))
        tries = [] if step is None else [attempt for attempt in step.attempts if attempt.function]
        return render_template("logs.html", logs=[log_of(clients.logs, clients.functions, this) for this in tries])


def _view(page: Dashboard, arn: str) -> ExecutionView:
    try:
        return page.views.get(arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            abort(404, f"There is no execution {arn}.")
        raise


def _liveliest(page: Dashboard, machines: list[Any]) -> Any:
    """The state machine whose newest execution is the newest of all; else the first."""
    newest = [(page.index.newest(machine.arn), machine) for machine in machines]
    started = [(row.started, machine.arn, machine) for row, machine in newest if row is not None]
    return max(started)[2] if started else next(iter(machines), None)


def _answer(view: ExecutionView) -> str:
    """What the endpoint said, where a state passed its probabilities on: ``bicycle, confidence 0.97``."""
    for step in view.steps:
        try:
            body = json.loads(step.output)["body"]
            probabilities = [float(value) for value in (json.loads(body) if isinstance(body, str) else body)]
        except (ValueError, KeyError, TypeError):
            continue
        if probabilities:
            confidence = max(probabilities)
            name = _class_name(probabilities.index(confidence), len(probabilities))
            return f"{name}, confidence {int(confidence * 10_000) / 10_000:g}"
    return ""


def _class_name(number: int, classes: int) -> str:
    return CLASS_NAMES[number] if classes == len(CLASS_NAMES) else f"class {number}"


def _faults_on(clients: Clients) -> int:
    return 0 if clients.control is None else len(clients.control.get("faults")["faults"])


def _add_captures(app: Flask, page: Dashboard) -> None:
    clients = page.clients

    @app.get("/captures")
    def captures() -> str:
        capturing = _capturing(clients)
        chosen = _chosen(capturing)
        where, threshold = _threshold(clients)
        return render_template(
            "captures.html", capturing=capturing, chosen=chosen, threshold=threshold, threshold_of=where
        )

    @app.get("/captures/data")
    def capture_data() -> dict[str, Any]:
        chosen = _chosen(_capturing(clients))
        if chosen is None:
            abort(404, "No endpoint of that name captures anything.")
        if clients.control is not None:
            clients.control.flush()
        reader = page.reader(chosen.captures)
        reading = reader.read()
        points, labels = reading.points, reader.labels()
        return {
            "time": [point.time for point in points],
            "confidence": [point.confidence for point in points],
            "predicted": [_class_name(point.predicted, point.classes) for point in points],
            "image": [point.digest for point in points],
            "label": [
                _class_name(labels[point.digest], point.classes) if point.digest in labels else "" for point in points
            ],
            "classes": max((point.classes for point in points), default=2),
            "unread": reading.unread,
            "skipped": reading.skipped,
            "unsure": [
                {
                    "confidence": point.confidence,
                    "predicted": _class_name(point.predicted, point.classes),
                    "image": point.image,
                    "label": _class_name(labels[point.digest], point.classes) if point.digest in labels else "",
                    "times": times,
                    "time": point.time,
                }
                for point, times in least_sure(points)
            ],
        }

    @app.get("/captures/execution")
    def captured_by() -> Response:
        """To the execution that got a captured prediction."""
        moment, confidence = (request.args.get(name, 0.0, type=float) for name in ("time", "confidence"))
        arn = execution_of(clients.states, moment, confidence)
        if arn is None:
            abort(404, "No execution of a standard workflow got this prediction: another program asked, or it is gone.")
        return make_response(redirect(url_for("execution", arn=arn)))


def _capturing(clients: Clients) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints(clients.sagemaker) if endpoint.captures]


def _chosen(capturing: list[Endpoint]) -> Endpoint | None:
    asked = request.args.get("of", "")
    return next((endpoint for endpoint in capturing if asked in ("", endpoint.name)), None)


def _threshold(clients: Clients) -> tuple[str, float]:
    """The function that applies a threshold, and which; without such a function, none and the setting."""
    for described in clients.functions.get_paginator("list_functions").paginate():
        for function in described["Functions"]:
            text = function.get("Environment", {}).get("Variables", {}).get("THRESHOLD")
            try:
                return function["FunctionName"], float(text)
            except (TypeError, ValueError):
                continue
    return "", get_settings().threshold


def _add_faults(app: Flask, page: Dashboard) -> None:
    clients = page.clients

    @app.get("/faults", endpoint="faults")
    def show_faults() -> str:
        return render_template("faults.html", board=faults.board(clients))

    @app.post("/faults")
    def switch() -> dict[str, str]:
        asked = request.get_json()
        try:
            if "end" in asked:
                faults.end(clients, asked["end"])
            else:
                faults.switch(clients, asked["kind"], asked["name"], asked["fault"], bool(asked["on"]))
        except (ValueError, KeyError) as error:
            abort(400, str(error))
        page.watch.look_now()
        return {"status": "done"}


def _add_watch(app: Flask, page: Dashboard) -> None:
    clients, interval = page.clients, page.interval

    def topic(asked: str) -> tuple[Hashable, Callable[[], Topic]]:
        kind, _, name = asked.partition(" ")
        if kind == "executions":
            return kind, lambda: Topic(lambda: _look_at_list(page), 4 * interval, 4 * interval)
        if kind == "execution" and name:
            return asked, lambda: Topic(lambda: _look_at(page, name), interval, 4 * interval)
        if kind == "jobs":
            return asked, lambda: Topic(lambda: (version_of_job(clients, name), {}), 4 * interval, 8 * interval)
        if kind == "map-run" and name:
            return asked, lambda: Topic(lambda: (version_of(clients.states, name), {}), 4 * interval, 8 * interval)
        if kind == "endpoints":
            return kind, lambda: Topic(lambda: (_plain(endpoints(clients.sagemaker)), {}), 4 * interval, 20 * interval)
        if kind == "captures" and name.startswith("s3://"):
            reader = page.reader(name)
            return asked, lambda: Topic(lambda: (reader.read(now=True).version, {}), 8 * interval, 8 * interval)
        if kind == "faults":
            return kind, lambda: Topic(lambda: (_plain(faults.board(clients)), {}), 4 * interval, 8 * interval)
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
    return (version, stubs, _faults_on(page.clients)), {}


def _look_at(page: Dashboard, arn: str) -> tuple[Hashable, dict[str, Any]]:
    view = page.views.get(arn, now=True)
    states = {name: state["status"] for name, state in view.states.items()}
    return view.version, {"status": view.row.status, "states": states}


def _plain(value: object) -> str:
    return repr(value)
