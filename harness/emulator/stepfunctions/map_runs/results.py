"""What a Distributed Map comes to: the outputs of its children, or files in S3, as ResultWriter says.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from harness.emulator.stepfunctions.integrations.reach import Refused, Unreachable
from harness.emulator.stepfunctions.map_runs.readers import S3, s3_cause
from harness.emulator.stepfunctions.map_runs.run import Child, MapRun
from harness.states_language.effects import Json

GROUPS = ("FAILED", "PENDING", "SUCCEEDED")
_IN_MEMORY = 4 * 2**20


class ResultWriterError(Exception):
    """The results cannot be written; the message is the cause that States.ResultWriterFailed gets."""


def results(s3: S3, run: MapRun, writer: Mapping[str, Json] | None) -> Json:
    """Return the Map state's result.

    Args:
        s3: calls S3.
        run: whose results they are.
        writer: the ResultWriter, evaluated, or None.

    Raises:
        ResultWriterError: S3 refuses.
    """
    writer = writer or {}
    config = writer.get("WriterConfig") or {}
    if "Resource" in writer:
        return _write(s3, run, writer.get("Parameters") or writer.get("Arguments") or {}, config)
    transformation = config.get("Transformation", "COMPACT")
    return [
        entry
        for record in _records(run)
        if _counts(record, transformation)
        for entry in _transformed(record, transformation)
    ]


def _counts(record: dict[str, Json], transformation: str) -> bool:
    return transformation == "NONE" or record["Status"] == "SUCCEEDED"


def _write(s3: S3, run: MapRun, parameters: Mapping[str, Json], config: Mapping[str, Json]) -> dict[str, Json]:
    """Write a file for each outcome that there is, and the manifest."""
    bucket, prefix = parameters["Bucket"], str(parameters.get("Prefix", "")).rstrip("/")
    folder = f"{prefix}/{run.identifier}" if prefix else run.identifier
    lines = config.get("OutputType") == "JSONL"
    files: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
    spools = {group: tempfile.SpooledTemporaryFile(_IN_MEMORY) for group in GROUPS}  # noqa: SIM115
    try:
        for record in _records(run):
            group = record["Status"] if record["Status"] in ("SUCCEEDED", "PENDING") else "FAILED"
            spool = spools[group]
            for entry in _transformed(record, config.get("Transformation", "NONE")):
                spool.write(b"[" if not lines and spool.tell() == 0 else b"" if lines else b",")
                spool.write(json.dumps(entry, separators=(",", ":")).encode() + (b"\n" if lines else b""))
        for group, spool in spools.items():
            if spool.tell() == 0:
                continue
            spool.write(b"" if lines else b"]")
            size = spool.tell()
            spool.seek(0)
            key = f"{folder}/{group}_0.{'jsonl' if lines else 'json'}"
            _put(s3, bucket, key, spool.read())
            files[group].append({"Key": key, "Size": size})
        manifest = {"DestinationBucket": bucket, "MapRunArn": run.arn, "ResultFiles": files}
        key = f"{folder}/manifest.json"
        _put(s3, bucket, key, json.dumps(manifest).encode())
    except (Refused, Unreachable) as error:
        raise ResultWriterError(s3_cause(error)) from None
    finally:
        for spool in spools.values():
            spool.close()
    return {"MapRunArn": run.arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


def _put(s3: S3, bucket: str, key: str, body: bytes) -> None:
    s3("PutObject", {"Bucket": bucket, "Key": key, "Body": body, "ContentType": "application/json"})


def _records(run: MapRun) -> Iterator[dict[str, Json]]:
    return (_record(run, child) for child in run.children)


def _record(run: MapRun, child: Child) -> dict[str, Json]:
    """Return a child execution as the files of a ResultWriter have it."""
    ended = child.ended
    if ended is None:
        return {"Input": child.input, "InputDetails": {"Included": True}, "Status": "PENDING"}
    succeeded = ended.status == "SUCCEEDED"
    shown: dict[str, Json] = {
        "ExecutionArn": child.arn,
        "Input": child.input,
        "InputDetails": {"Included": True},
        "Name": child.arn.rpartition(":")[2],
        "RedriveCount": child.redrives,
        "RedriveStatus": "NOT_REDRIVABLE" if succeeded else "REDRIVABLE",
        "StartDate": _date(ended.started),
        "StateMachineArn": run.child_machine_arn,
        "Status": ended.status,
        "StopDate": _date(ended.stopped),
    }
    if succeeded:
        shown["Output"] = ended.output
        shown["OutputDetails"] = {"Included": True}
        shown["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    shown |= {name: value for name, value in (("Error", ended.error), ("Cause", ended.cause)) if value is not None}
    return dict(sorted(shown.items()))


def _transformed(record: dict[str, Json], transformation: str) -> Iterable[Json]:
    if transformation == "NONE" or record["Status"] != "SUCCEEDED":
        return [record]
    output = json.loads(record["Output"])
    return output if transformation == "FLATTEN" and isinstance(output, list) else [output]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
