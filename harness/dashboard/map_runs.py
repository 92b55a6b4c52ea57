"""Map Runs: what a Distributed Map started, one execution for each item or batch.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, abort, render_template

from harness.dashboard.clients import Clients
from harness.dashboard.listing import Execution, row_of

MOST = 1000
"""Child executions that are listed, the newest."""


@dataclass(frozen=True)
class MapRun:
    """A Map Run with its child executions.

    Attributes:
        described: what DescribeMapRun answers.
        children: its executions, the newest first.
    """

    described: dict[str, Any]
    children: list[Execution]

    @property
    def parent_name(self) -> str:
        """Name of the execution that it is part of."""
        return str(self.described["executionArn"]).rpartition(":")[2]


def map_run(states: Any, arn: str) -> MapRun:
    """Read a Map Run.

    Raises:
        botocore.exceptions.ClientError: there is none.
    """
    described = states.describe_map_run(mapRunArn=arn)
    pages = states.get_paginator("list_executions").paginate(mapRunArn=arn, PaginationConfig={"MaxItems": MOST})
    children = [row_of(item) for page in pages for item in page["executions"]]
    return MapRun(described, children)


def version_of(states: Any, arn: str) -> Hashable:
    """Return what differs once a Map Run has come further."""
    described = states.describe_map_run(mapRunArn=arn)
    return described["status"], repr(described["executionCounts"])


def add_map_runs(app: Flask, clients: Clients) -> None:
    """Add the page of a Map Run."""

    @app.get("/map-runs/<path:arn>", endpoint="map_run")
    def show(arn: str) -> str:
        try:
            found = map_run(clients.states, arn)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ResourceNotFound", "InvalidArn"):
                abort(404, f"There is no Map Run {arn}.")
            raise
        return render_template("map_run.html", run=found, arn=arn, most=MOST)
