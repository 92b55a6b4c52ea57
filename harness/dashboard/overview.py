"""The first page: the list of executions, a start, the workflow drawn."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, Response, abort, render_template, request, url_for

from harness.dashboard import images
from harness.dashboard.clients import Clients
from harness.dashboard.definition import graph_of, states_in
from harness.dashboard.endpoints import endpoints
from harness.dashboard.faults import faults_on
from harness.dashboard.index import ExecutionIndex
from harness.dashboard.listing import Wanted
from harness.dashboard.views import ExecutionViews
from harness.dashboard.watch import Watch


def add_overview(app: Flask, clients: Clients, index: ExecutionIndex, views: ExecutionViews, watch: Watch) -> None:
    """Add the list of executions and what starts one.

    Args:
        app: the dashboard.
        clients: of the target.
        index: of executions.
        views: of executions; the newest one's input is what a start begins with.
        watch: sends changes to open pages.
    """

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
        machines = index.machines()
        listing = index.listing(wanted)
        drawn = next((m for m in machines if m.arn == wanted.machine), None) or _liveliest(index, machines)
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
            faults_on=faults_on(clients),
        )

    @app.get("/start")
    def offer() -> str:
        machine = request.args.get("machine", "")
        newest = index.newest(machine)
        given = None if newest is None else views.get(newest.arn).input
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
        index.stale()
        watch.look_now()
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


def _liveliest(index: ExecutionIndex, machines: list[Any]) -> Any:
    """Return the state machine whose newest execution is the newest of all; else the first."""
    newest = [(index.newest(machine.arn), machine) for machine in machines]
    started = [(row.started, machine.arn, machine) for row, machine in newest if row is not None]
    return max(started)[2] if started else next(iter(machines), None)
