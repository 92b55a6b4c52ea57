"""The page of captures, and what its chart asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, make_response, redirect, render_template, request, url_for

from harness.dashboard.captures import CaptureReader, execution_of, least_sure
from harness.dashboard.clients import Clients
from harness.dashboard.endpoints import Endpoint, endpoints
from harness.dashboard.show import class_name
from harness.settings import get_settings


def add_captures(app: Flask, clients: Clients, reader_of: Callable[[str], CaptureReader]) -> None:
    """Add the page of captures.

    Args:
        app: the dashboard.
        clients: of the target.
        reader_of: what reads the captures below an S3 URI.
    """

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
        reader = reader_of(chosen.captures)
        reading = reader.read()
        points, labels = reading.points, reader.labels()
        return {
            "time": [point.time for point in points],
            "confidence": [point.confidence for point in points],
            "predicted": [class_name(point.predicted, point.classes) for point in points],
            "image": [point.digest for point in points],
            "label": [
                class_name(labels[point.digest], point.classes) if point.digest in labels else "" for point in points
            ],
            "classes": max((point.classes for point in points), default=2),
            "unread": reading.unread,
            "skipped": reading.skipped,
            "unsure": [
                {
                    "confidence": point.confidence,
                    "predicted": class_name(point.predicted, point.classes),
                    "image": point.image,
                    "label": class_name(labels[point.digest], point.classes) if point.digest in labels else "",
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
    """Find the function that applies a threshold, and which; without such a function, none and the setting."""
    for described in clients.functions.get_paginator("list_functions").paginate():
        for function in described["Functions"]:
            text = function.get("Environment", {}).get("Variables", {}).get("THRESHOLD")
            try:
                return function["FunctionName"], float(text)
            except (TypeError, ValueError):
                continue
    return "", get_settings().threshold
