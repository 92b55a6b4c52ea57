"""Data sets as Model Monitor reads them: CSV, JSON, and files of Data Capture. A column is a list of texts or None."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = dict[str, str | None]


class DatasetError(Exception):
    """A data set cannot be read; the message ends the job."""


def read(folder: Path, given: Mapping[str, Any], within: tuple[datetime, datetime] | None = None) -> list[Row]:
    """Return the records below *folder*.

    Args:
        folder: or a file.
        given: ``dataset_format``: ``csv``, ``json`` or ``sagemakerCaptureJson`` with its options.
        within: reads only capture files of the hours from the first to before the second.

    Raises:
        DatasetError: there are none, or they are not of this form.
    """
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    kinds = {name.lower(): options or {} for name, options in given.items()}
    reader: Callable[[Path], Iterable[Row]]
    if "csv" in kinds:
        header = kinds["csv"].get("header", True)
        reader = lambda path: _csv(path.read_text("utf-8-sig"), header)  # noqa: E731
    elif "json" in kinds:
        lines = kinds["json"].get("lines", kinds["json"].get("line", True))
        reader = lambda path: _json(path.read_text("utf-8"), lines)  # noqa: E731
    elif "sagemakercapturejson" in kinds:
        files = [path for path in files if within is None or _is_within(path, within)]
        reader = _captured
    else:
        raise DatasetError(f"not emulated: dataset format {', '.join(given)}")
    try:
        rows = [row for path in files for row in reader(path)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"The data set is not of the format {', '.join(given)}: {error}") from None
    if not rows:
        raise DatasetError("Job inputs had no data")
    return rows


def _csv(text: str, header: bool) -> Iterator[Row]:
    rows = csv.reader(io.StringIO(text))
    names = next(rows, []) if header else None
    for values in rows:
        if values:
            keys = names or [f"_c{number}" for number in range(len(values))]
            yield {key: value if value != "" else None for key, value in zip(keys, values, strict=False)}


def _json(text: str, lines: bool) -> Iterator[Row]:
    if lines:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    else:
        whole = json.loads(text)
        found = whole if isinstance(whole, list) else [whole]
    for record in found:
        yield dict(_flat(record))


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str | None]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _flat(member, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _flat(member, f"{name}_c{number}")
    else:
        yield name or "_c0", None if value is None else value if isinstance(value, str) else json.dumps(value)


def _captured(path: Path) -> Iterator[Row]:
    """Yield records of Data Capture: the output's columns, then the input's. Images are left out."""
    for line in path.read_text("utf-8").splitlines():
        data = json.loads(line)["captureData"]
        values: list[tuple[str, str | None]] = []
        for side in ("endpointOutput", "endpointInput"):
            for name, value in _side(data.get(side) or {}):
                # The columns of both sides have numbers for names, and are counted on.
                values.append((f"_c{len(values)}" if name.startswith("_c") else name, value))
        if values:
            yield dict(values)


def _side(side: Mapping[str, str]) -> list[tuple[str, str | None]]:
    text, encoding = side.get("data", ""), side.get("encoding")
    kind = side.get("observedContentType", "").partition(";")[0].strip().lower()
    if encoding == "BASE64":
        if not kind.startswith("text/") and kind not in ("application/json", "application/jsonlines"):
            return []
        text = base64.b64decode(text).decode("utf-8")
    if encoding == "CSV" or kind == "text/csv":
        row = next(csv.reader([text.strip()]), [])
        return [(f"_c{number}", value if value != "" else None) for number, value in enumerate(row)]
    return list(_flat(json.loads(text)))


def _is_within(path: Path, within: tuple[datetime, datetime]) -> bool:
    try:
        hour = datetime.strptime("/".join(path.parts[-5:-1]), "%Y/%m/%d/%H").replace(tzinfo=UTC)
    except ValueError:
        return False
    return within[0] <= hour < within[1]
