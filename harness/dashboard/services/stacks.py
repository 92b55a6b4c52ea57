"""CloudFormation stacks: their resources, events, outputs and parameters."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, abort, render_template, url_for

from harness.dashboard.clients import Clients

MOST_EVENTS = 100


def sign_of(status: str) -> str:
    """Return the sign that the page shows for a stack's or resource's status."""
    if status.endswith("_IN_PROGRESS"):
        return "RUNNING"
    return "FAILED" if "FAILED" in status or "ROLLBACK" in status else "SUCCEEDED"


def page_of(kind: str, physical: str) -> str | None:
    """Address of the page of a resource, where there is one."""
    match kind:
        case "AWS::Lambda::Function":
            return url_for("function", name=physical)
        case "AWS::S3::Bucket":
            return url_for("bucket", bucket=physical)
        case "AWS::IAM::Role":
            return url_for("role", name=physical)
        case "AWS::StepFunctions::StateMachine":
            return url_for("overview", machine=physical)
        case "AWS::SageMaker::Endpoint":
            return url_for("endpoints")
        case "AWS::CloudFormation::Stack":
            return url_for("stack", name=physical.partition("stack/")[2].partition("/")[0] or physical)
    return None


def stacks(client: Any) -> list[dict[str, Any]]:
    """All stacks that are there, by name."""
    pages = client.get_paginator("describe_stacks").paginate()
    return sorted((each for page in pages for each in page["Stacks"]), key=lambda each: str(each["StackName"]))


def shown(client: Any, name: str) -> dict[str, Any]:
    """Return what the page of a stack shows.

    Args:
        client: of CloudFormation.
        name: the stack's.

    Raises:
        botocore.exceptions.ClientError: there is none.
    """
    return {
        "stack": client.describe_stacks(StackName=name)["Stacks"][0],
        "resources": client.describe_stack_resources(StackName=name)["StackResources"],
        "events": client.describe_stack_events(StackName=name)["StackEvents"][:MOST_EVENTS],
    }


def add_stacks(app: Flask, clients: Clients) -> None:
    """Add the pages of stacks."""

    @app.get("/stacks", endpoint="stacks")
    def listed() -> str:
        return render_template("stacks.html", stacks=stacks(clients.stacks), sign_of=sign_of)

    @app.get("/stacks/<name>", endpoint="stack")
    def one(name: str) -> str:
        try:
            return render_template("stack.html", **shown(clients.stacks, name), sign_of=sign_of, page_of=page_of)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                abort(404, f"There is no stack {name}.")
            raise
