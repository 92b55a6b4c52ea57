"""The page of an execution: its way, timeline, events and definition; and the parts that it asks for later."""

from __future__ import annotations

import json
from collections.abc import Callable

from flask import Flask, Response, abort, render_template, request

from harness.dashboard.clients import Clients
from harness.dashboard.data_flow import data_flow
from harness.dashboard.definition import elsewhere, graph_of, not_reached
from harness.dashboard.faults import of_states
from harness.dashboard.items import picked
from harness.dashboard.logs import log_of
from harness.dashboard.show import class_name
from harness.dashboard.steps import states_of
from harness.dashboard.timeline import timeline_of
from harness.dashboard.views import ExecutionView
from harness.dashboard.workspace import VIEWS, events_of


def add_execution(app: Flask, clients: Clients, view_of: Callable[[str], ExecutionView]) -> None:
    """Add the page of an execution.

    Args:
        app: the dashboard.
        clients: of the target.
        view_of: finds an execution by its ARN, or answers 404.
    """

    @app.get("/executions/<path:arn>")
    def execution(arn: str) -> str:
        view = view_of(arn)
        shown = request.args.get("view", "graph")
        shown = shown if shown in VIEWS else "graph"
        number = request.args.get("page", 1, type=int)
        graph = graph_of(view.definition)
        steps, pickers = picked(view.steps, request.args)
        states = states_of(steps)
        tasks = {step.name for step in steps if step.kind == "Task"}
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
            state_faults=of_states(clients, view.row.machine, tasks) if tasks and shown == "graph" else {},
        )

    @app.get("/text")
    def text() -> Response:
        view = view_of(request.args.get("execution", ""))
        step = view.step(request.args.get("step", 0, type=int))
        what = request.args.get("what", "")
        if what not in ("input", "output", "cause", "definition"):
            abort(404, f"An execution has no {what}.")
        return Response(str(getattr(step or view, what, "")), content_type="text/plain; charset=utf-8")

    @app.get("/data-flow", endpoint="flow_of")
    def flow() -> str:
        view = view_of(request.args.get("execution", ""))
        step = view.step(request.args.get("step", 0, type=int))
        if step is None:
            abort(404, "The execution has no such step.")
        return render_template("data_flow.html", flow=data_flow(view, step))

    @app.get("/logs")
    def logs() -> str:
        view = view_of(request.args.get("execution", ""))
        step = view.step(request.args.get("step", 0, type=int))
        tries = [] if step is None else [attempt for attempt in step.attempts if attempt.function]
        return render_template("logs.html", logs=[log_of(clients.logs, clients.functions, this) for this in tries])


def _answer(view: ExecutionView) -> str:
    """Return what the endpoint said, where a state passed its probabilities on: ``bicycle, confidence 0.97``."""
    for step in view.steps:
        try:
            body = json.loads(step.output)["body"]
            probabilities = [float(value) for value in (json.loads(body) if isinstance(body, str) else body)]
        except (ValueError, KeyError, TypeError):
            continue
        if probabilities:
            confidence = max(probabilities)
            name = class_name(probabilities.index(confidence), len(probabilities))
            return f"{name}, confidence {int(confidence * 10_000) / 10_000:g}"
    return ""
