"""SageMaker's jobs: training, processing and batch transform, with their logs, metrics and artifacts."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from flask import Flask, abort, render_template

from harness.dashboard.clients import Clients
from harness.dashboard.logs import LogLine
from harness.dashboard.services.tail import streams, tail

WIDTH, HEIGHT = 600, 160
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NAME = r"(?:[A-Za-z][\w:-]*)?(?:accuracy|loss|auc|error|f1|rmse)"
_BUILT_IN = re.compile(rf"\b({_NAME})\s*[=:]\s*({_NUMBER})", re.IGNORECASE)
"""How most programs print a metric, where the job does not define any."""


@dataclass(frozen=True)
class Kind:
    """A kind of job: how its operations and its log group are called."""

    name: str
    title: str

    @property
    def group(self) -> str:
        """Its log group."""
        return f"/aws/sagemaker/{self.title}Jobs"

    @property
    def key(self) -> str:
        """Member that names a job of it."""
        return f"{self.title}JobName"

    @property
    def status(self) -> str:
        """Member that has its status."""
        return f"{self.title}JobStatus"


KINDS = {
    kind.name: kind
    for kind in (Kind("training", "Training"), Kind("processing", "Processing"), Kind("transform", "Transform"))
}
STATUSES = {
    "Completed": "SUCCEEDED",
    "Failed": "FAILED",
    "Stopped": "ABORTED",
    "InProgress": "RUNNING",
    "Stopping": "RUNNING",
}
"""The sign that the page shows for the status of a job that has ended."""


@dataclass(frozen=True)
class Job:
    """A job in the list."""

    kind: str
    name: str
    status: str
    created: datetime
    ended: datetime | None

    @property
    def seconds(self) -> float | None:
        """From its creation to its end; None while it runs."""
        return None if self.ended is None else (self.ended - self.created).total_seconds()


@dataclass(frozen=True)
class Curve:
    """A metric as the log tells it."""

    name: str
    values: list[float] = field(default_factory=list)

    @property
    def points(self) -> str:
        """Of a polyline in a drawing of :data:`WIDTH` by :data:`HEIGHT`."""
        low, high = min(self.values), max(self.values)
        across = WIDTH / max(1, len(self.values) - 1)
        share = [(value - low) / (high - low) if high > low else 0.5 for value in self.values]
        return " ".join(
            f"{number * across:.1f},{HEIGHT - 8 - (HEIGHT - 16) * at:.1f}" for number, at in enumerate(share)
        )


def jobs(sagemaker: Any) -> list[Job]:
    """All jobs, the newest first."""
    found = []
    for kind in KINDS.values():
        for page in sagemaker.get_paginator(f"list_{kind.name}_jobs").paginate():
            for item in page[f"{kind.title}JobSummaries"]:
                ended = item.get(f"{kind.title}EndTime")
                found.append(Job(kind.name, item[kind.key], item[kind.status], item["CreationTime"], ended))
    return sorted(found, key=lambda job: job.created, reverse=True)


def version_of(clients: Clients, job: str) -> Hashable:
    """Return what differs once a job has come further, or once there is another.

    Args:
        clients: lead to the target.
        job: its kind and name, ``training/mine``; empty for all jobs.
    """
    kind, _, name = job.partition("/")
    if kind not in KINDS:
        return tuple((each.kind, each.name, each.status) for each in jobs(clients.sagemaker))
    described = getattr(clients.sagemaker, f"describe_{kind}_job")(**{KINDS[kind].key: name})
    latest = [stream.get("lastEventTimestamp") for stream in streams(clients.logs, KINDS[kind].group, f"{name}/")]
    return described[KINDS[kind].status], described.get("SecondaryStatus"), *latest


def curves(lines: Iterable[LogLine], definitions: Iterable[Mapping[str, str]]) -> list[Curve]:
    """Return the metrics that a log tells of, each with its values in their order.

    Args:
        lines: of the log.
        definitions: the job's ``MetricDefinitions``; without any, what most programs print is looked for.
    """
    known = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
    found: dict[str, Curve] = {}
    for line in lines:
        for name, pattern in known:
            if (match := pattern.search(line.text)) and (value := _number(match[1])) is not None:
                found.setdefault(name, Curve(name)).values.append(value)
        for match in _BUILT_IN.finditer(line.text) if not known else ():
            found.setdefault(match[1], Curve(match[1])).values.append(float(match[2]))
    return [curve for curve in found.values() if len(curve.values) > 1]


def artifacts(described: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a job read and wrote in buckets: in words, and as ``s3://...``."""
    found = [("Model", (described.get("ModelArtifacts") or {}).get("S3ModelArtifacts"))]
    found.append(("Output", (described.get("TransformOutput") or {}).get("S3OutputPath")))
    for output in (described.get("ProcessingOutputConfig") or {}).get("Outputs", []):
        found.append((f"Output {output['OutputName']}", (output.get("S3Output") or {}).get("S3Uri")))
    for channel in described.get("InputDataConfig") or []:
        source = channel.get("DataSource", {}).get("S3DataSource") or {}
        found.append((f"Input {channel['ChannelName']}", source.get("S3Uri")))
    for given in described.get("ProcessingInputs") or []:
        found.append((f"Input {given['InputName']}", (given.get("S3Input") or {}).get("S3Uri")))
    source = (described.get("TransformInput") or {}).get("DataSource", {}).get("S3DataSource") or {}
    found.append(("Input", source.get("S3Uri")))
    return [(words, str(uri)) for words, uri in found if uri]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def add_jobs(app: Flask, clients: Clients) -> None:
    """Add the pages of jobs."""

    @app.get("/jobs", endpoint="jobs")
    def listed() -> str:
        return render_template("jobs.html", jobs=jobs(clients.sagemaker), statuses=STATUSES)

    @app.get("/jobs/<kind>/<name>", endpoint="job")
    def shown(kind: str, name: str) -> str:
        if kind not in KINDS:
            abort(404, f"There are no {kind} jobs.")
        of = KINDS[kind]
        try:
            described = getattr(clients.sagemaker, f"describe_{kind}_job")(**{of.key: name})
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
                abort(404, f"There is no {kind} job {name}.")
            raise
        lines = tail(clients.logs, of.group, f"{name}/")
        definitions = (described.get("AlgorithmSpecification") or {}).get("MetricDefinitions") or []
        return render_template(
            "job.html",
            kind=kind,
            name=name,
            job=described,
            status=described[of.status],
            sign_of=STATUSES.get(described[of.status], "RUNNING"),
            curves=curves(lines, definitions),
            size=(WIDTH, HEIGHT),
            artifacts=artifacts(described),
            lines=lines,
            group=of.group,
        )
