"""Writes what child executions came to into S3, as ResultWriter says.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from harness.emulator.distributed_map.map_run import MapRun

GROUPS = ("FAILED", "PENDING", "SUCCEEDED")
_IN_MEMORY = 4 * 2**20


class ResultWriterError(Exception):
    """The results cannot be written; the message is the cause that States.ResultWriterFailed gets."""


def write_results(
    s3: Any, run: MapRun, records: Iterable[dict[str, Any]], parameters: dict[str, Any], config: dict[str, Any]
) -> dict[str, Any]:
    """Write a file for each outcome that there is, and the manifest.

    Args:
        s3: a client with the state machine's rights.
        run: whose results they are.
        records: an execution each, in the order of the items; see :func:`result_record`.
        parameters: ``Bucket`` and ``Prefix``.
        config: WriterConfig.

    Returns:
        The Map state's result.

    Raises:
        ResultWriterError: S3 refuses.
    """
    from botocore.exceptions import ClientError

    from harness.emulator.distributed_map.items import client_error_cause

    bucket, prefix = parameters["Bucket"], str(parameters.get("Prefix", "")).rstrip("/")
    folder = f"{prefix}/{run.identifier}" if prefix else run.identifier
    lines = config.get("OutputType") == "JSONL"
    files: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
    spools = {group: tempfile.SpooledTemporaryFile(_IN_MEMORY) for group in GROUPS}  # noqa: SIM115
    try:
        for record in records:
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
            s3.put_object(Bucket=bucket, Key=key, Body=spool.read(), ContentType="application/json")
            files[group].append({"Key": key, "Size": size})
        manifest = {"DestinationBucket": bucket, "MapRunArn": run.arn, "ResultFiles": files}
        key = f"{folder}/manifest.json"
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode(), ContentType="application/json")
    except ClientError as error:
        raise ResultWriterError(client_error_cause(error)) from None
    finally:
        for spool in spools.values():
            spool.close()
    return {"MapRunArn": run.arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


def result_record(run: MapRun, record: dict[str, Any]) -> dict[str, Any]:
    """An execution as the files of a ResultWriter have it, from how the archive has it."""
    status = record["status"]
    shown: dict[str, Any] = {
        "ExecutionArn": record["arn"],
        "Input": record["input"],
        "InputDetails": {"Included": True},
        "Name": record["name"],
        "RedriveCount": record["redrives"],
        "RedriveStatus": "NOT_REDRIVABLE" if status == "SUCCEEDED" else "REDRIVABLE",
        "StartDate": _date(record["started"]),
        "StateMachineArn": run.child_machine_arn,
        "Status": status,
        "StopDate": _date(record["stopped"]),
    }
    if status == "SUCCEEDED":
        shown["Output"] = json.dumps(record["output"], separators=(",", ":"), ensure_ascii=False)
        shown["OutputDetails"] = {"Included": True}
        shown["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    else:
        error = record.get("error") or {}
        shown |= {name.capitalize(): error[name] for name in ("cause", "error") if error.get(name) is not None}
    return dict(sorted(shown.items()))


def pending_record(text: str) -> dict[str, Any]:
    """A child execution that was never started."""
    return {"Input": text, "InputDetails": {"Included": True}, "Status": "PENDING"}


def _transformed(record: dict[str, Any], transformation: str) -> list[Any]:
    if transformation == "NONE" or record["Status"] != "SUCCEEDED":
        return [record]
    output = json.loads(record["Output"])
    return output if transformation == "FLATTEN" and isinstance(output, list) else [output]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
