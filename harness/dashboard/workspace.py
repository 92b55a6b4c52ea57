"""What can be done about an execution from its page: run it again, stop it, redrive it, keep it as a test or a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, Response, abort, request, url_for

from harness.dashboard.as_test import NoTest, test_of
from harness.dashboard.clients import Clients
from harness.dashboard.index import ExecutionIndex
from harness.dashboard.views import ExecutionView, ExecutionViews
from harness.dashboard.watch import Watch
from harness.parity.export import record

EVENTS = 200
"""Events on a page."""
VIEWS = ("graph", "timeline", "events", "definition")


def events_of(states: Any, arn: str, page: int) -> tuple[list[dict[str, Any]], int]:
    """Return the events of one page of a history, and how many pages there are.

    Args:
        states: client of Step Functions.
        arn: of the execution.
        page: from 1; one out of range is brought into it.

    Returns:
        the events, each with its id, type, time and ``details``; and the number of pages.
    """
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=arn, includeExecutionData=True, PaginationConfig={"PageSize": 1000}
    )
    events = [event for answer in pages for event in answer["events"]]
    last = max(1, -(-len(events) // EVENTS))
    page = min(max(page, 1), last)
    return [_event(event) for event in events[(page - 1) * EVENTS : page * EVENTS]], last


def _event(event: dict[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    return {
        "id": event["id"],
        "before": event.get("previousEventId") or "",
        "type": event["type"],
        "time": event["timestamp"],
        "name": details.get("name") or details.get("resource") or details.get("error") or "",
        "details": json.dumps(details, default=str) if details else "",
    }


def add_workspace(
    app: Flask,
    clients: Clients,
    index: ExecutionIndex,
    views: ExecutionViews,
    watch: Watch,
    view_of: Callable[[str], ExecutionView],
) -> None:
    """Add the addresses under which an execution is acted on.

    Args:
        app: the dashboard.
        clients: of the target, and the emulator's own API.
        index: of executions; told to look again after a change.
        views: of executions; told to forget the one that changed.
        watch: sends changes to open pages.
        view_of: finds an execution by its ARN, or answers 404.
    """

    def changed(arn: str) -> None:
        views.forget(arn)
        index.stale()
        watch.look_now()

    @app.post("/again")
    def again() -> dict[str, str]:
        asked = request.get_json()
        view = view_of(str(asked["execution"]))
        given = asked.get("input")
        text = view.input if given is None else str(given)
        try:
            json.loads(text)
        except ValueError as error:
            abort(400, f"The input is not JSON: {error}")
        arn = _tell(lambda: clients.states.start_execution(stateMachineArn=view.row.machine_arn, input=text))
        changed(arn["executionArn"])
        return {"url": url_for("execution", arn=arn["executionArn"])}

    @app.post("/stop")
    def stop() -> dict[str, str]:
        arn = str(request.get_json()["execution"])
        reason = str(request.get_json().get("cause") or "") or "no reason was given"
        _tell(
            lambda: clients.states.stop_execution(
                executionArn=arn, error="StoppedFromTheDashboard", cause=f"Stopped from the dashboard: {reason}"
            )
        )
        changed(arn)
        return {"url": url_for("execution", arn=arn)}

    @app.post("/redrive")
    def redrive() -> dict[str, str]:
        arn = str(request.get_json()["execution"])
        _tell(lambda: clients.states.redrive_execution(executionArn=arn))
        changed(arn)
        return {"url": url_for("execution", arn=arn)}

    @app.get("/pytest")
    def as_test() -> Response:
        view = view_of(request.args.get("execution", ""))
        try:
            text = test_of(view, _logical_id(clients.states, view.row.machine_arn))
        except NoTest as error:
            return Response(str(error), 409, content_type="text/plain; charset=utf-8")
        return Response(text, content_type="text/plain; charset=utf-8")

    @app.get("/export")
    def export() -> Response:
        view = view_of(request.args.get("execution", ""))
        if view.row.status == "RUNNING":
            return Response("It still runs: export it once it has ended.", 409, content_type="text/plain")
        text = json.dumps(record(clients.states, view.row.arn), indent=2, default=str)
        name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in view.row.name)
        headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
        return Response(text, headers=headers, content_type="application/json")


def _tell(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the answer of *call*; what AWS refuses is told in its words."""
    try:
        return call()
    except ClientError as error:
        abort(400, error.response["Error"].get("Message") or str(error))


def _logical_id(states: Any, machine_arn: str) -> str:
    """Return what the template calls a state machine, where a stack made it; else its ARN."""
    try:
        tags = states.list_tags_for_resource(resourceArn=machine_arn)["tags"]
    except ClientError:
        return machine_arn
    return next((str(tag["value"]) for tag in tags if tag["key"] == "aws:cloudformation:logical-id"), machine_arn)
