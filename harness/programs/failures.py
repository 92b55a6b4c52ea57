"""What a failing cell is reported with: its line, the error, the kernel's traceback, and what a local run may lack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CELL_LINE = re.compile(r"^(?:Cell In\[\d+\]|Input In \[\d+\]).*?line (\d+)|in <module>:(\d+)", re.MULTILINE)
"""As IPython says it, and as rich, which the SageMaker SDK installs."""
_ACCOUNT = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:(\d{12}):|sagemaker-[a-z]+-[a-z]+-\d-(\d{12})\b")
"""In ARNs and in the names of SageMaker's default buckets; images of AWS's own accounts are no sign of anything."""
_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])|Bucket\s*=\s*[\"']([a-z0-9.-]{3,63})[\"']")
_BUCKET_IS_MISSING = re.compile(r"NoSuchBucket|HeadBucket operation: Not Found|\(404\).*HeadObject|\(403\).*Head")
_UNREACHABLE = re.compile(
    r"URLError|ConnectionError|ProxyError|MaxRetryError|NewConnectionError|gaierror|Name or service not known"
)
_URL = re.compile(r"https?://[^\s'\")\]]+")


def failure(number: int, cell: Any, reply: Mapping[str, Any], account: str) -> str:
    """Describe a cell that failed.

    Args:
        number: which of the code cells it is, from 1.
        cell: the cell, with its outputs.
        reply: the content of the kernel's ``execute_reply``.
        account: the number of the account that answers here.

    Returns:
        place and source line, the kernel's traceback, and hints, a line each.
    """
    traceback = "\n".join(reply.get("traceback") or ()) or _shown(cell.get("outputs", ()))
    error = f"{reply.get('ename')}: {reply.get('evalue')}"
    traceback = _COLOURS.sub("", traceback).rstrip() or error
    lines = cell.source.splitlines()
    said = (int(first or second) for first, second in _CELL_LINE.findall(traceback))
    at = next((line for line in said if 0 < line <= len(lines)), None)
    place = f"cell {number}" + (f", line {at}: {lines[at - 1].strip()}" if at else "")
    return "\n".join([place, traceback, *hints(f"{error}\n{traceback}", cell.source, account)])


def hints(said: str, source: str, account: str) -> list[str]:
    """Say what a run away from the author's account and network may lack, as far as the error shows it.

    Args:
        said: the error and its traceback.
        source: the cell.
        account: the number of the account that answers here.
    """
    found = []
    for number in sorted({next(filter(None, groups)) for groups in _ACCOUNT.findall(f"{source}\n{said}")} - {account}):
        found.append(
            f"hint: account {number} is named here, {account} answers: take the number from STS, or set the notebook's "
            "variable with --set NAME=VALUE"
        )
    if _BUCKET_IS_MISSING.search(said):
        buckets = sorted({next(filter(None, groups)) for groups in _BUCKET.findall(f"{source}\n{said}")})
        named = f" ({', '.join(buckets)})" if buckets else ""
        found.append(
            f"hint: the bucket{named} is of another account or was made elsewhere: make it first, or set the "
            "notebook's variable with --set NAME=VALUE"
        )
    if _UNREACHABLE.search(said):
        urls = [url for url in _URL.findall(f"{source}\n{said}") if "amazonaws.com" not in url]
        found.append(
            f"hint: {urls[0] if urls else 'the address'} cannot be reached from here: answer it from a file with "
            "--map URL=FILE"
        )
    return found


def _shown(outputs: Sequence[Any]) -> str:
    """Return what the cell wrote last: rich's traceback is an output like others."""
    for output in reversed(outputs):
        text = output.get("text") or output.get("data", {}).get("text/plain")
        if text and "Traceback" in text:
            return str(text)
    return ""
