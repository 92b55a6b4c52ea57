"""Lambda functions: their configuration, environments and log, and a call with an event."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, abort, render_template, request

from harness.dashboard.clients import Clients
from harness.dashboard.services.tail import streams, tail


def functions(client: Any) -> list[dict[str, Any]]:
    """All functions, by name, as ListFunctions tells of them."""
    pages = client.get_paginator("list_functions").paginate()
    return sorted((each for page in pages for each in page["Functions"]), key=lambda each: str(each["FunctionName"]))


def environments(logs: Any, group: str) -> list[dict[str, Any]]:
    """List the execution environments of a function: each writes a log stream of its own.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
    """
    return [
        {
            "name": stream["logStreamName"].rpartition("]")[2],
            "version": stream["logStreamName"].partition("[")[2].partition("]")[0],
            "began": _time(stream.get("firstEventTimestamp") or stream["creationTime"]),
            "last": _time(stream.get("lastEventTimestamp") or stream["creationTime"]),
        }
        for stream in streams(logs, group)
    ]


def invoke(client: Any, name: str, event: str) -> dict[str, Any]:
    """Call a function; gives what came of it, how long it took and the end of its log.

    Args:
        client: a Lambda client.
        name: the function's.
        event: JSON.
    """
    began = time.monotonic()
    answer = client.invoke(FunctionName=name, Payload=event.encode(), LogType="Tail")
    return {
        "seconds": time.monotonic() - began,
        "error": answer.get("FunctionError", ""),
        "payload": answer["Payload"].read().decode("utf-8", "replace"),
        "log": base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace"),
    }


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def shown(clients: Clients, name: str) -> dict[str, Any]:
    """Return what the page of a function shows.

    Args:
        clients: lead to the target.
        name: the function's.

    Raises:
        botocore.exceptions.ClientError: there is none.
    """
    described = clients.functions.get_function_configuration(FunctionName=name)
    described.pop("ResponseMetadata", None)
    group = described.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
    if clients.control is not None:
        clients.control.flush()
    return {
        "function": described,
        "group": group,
        "environments": environments(clients.logs, group),
        "lines": tail(clients.logs, group),
    }


def add_functions(app: Flask, clients: Clients) -> None:
    """Add the pages of functions."""

    @app.get("/functions", endpoint="functions")
    def listed() -> str:
        return render_template("functions.html", functions=functions(clients.functions))

    @app.get("/functions/<name>", endpoint="function")
    def one(name: str) -> str:
        try:
            return render_template("function.html", **shown(clients, name))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                abort(404, f"There is no function {name}.")
            raise

    @app.post("/functions/<name>/invoke", endpoint="invoke_function")
    def called(name: str) -> str:
        event = str(request.get_json()["event"])
        try:
            json.loads(event)
        except ValueError as error:
            abort(400, f"The event is not JSON: {error}")
        try:
            return render_template("invoked.html", answer=invoke(clients.functions, name, event))
        except ClientError as error:
            abort(400, error.response["Error"].get("Message") or str(error))
