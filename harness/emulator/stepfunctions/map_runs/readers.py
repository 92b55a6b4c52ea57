"""Reads the items of a Distributed Map out of S3, as ItemReader says.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.emulator.stepfunctions.integrations.aws_sdk import sdk_cause
from harness.emulator.stepfunctions.integrations.reach import Refused, Unreachable
from harness.states_language.effects import Json

DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
MOST_ITEMS = 100_000_000
S3 = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Calls an operation of S3 with the state machine's rights.

Raises:
    Refused: S3 refuses.
    Unreachable: S3 is not there.
"""
_INVENTORY_NAMES = {"LastModifiedDate": "LastModified", "ETag": "Etag"}


class ItemReaderError(Exception):
    """The items cannot be read; the message is the cause that States.ItemReaderFailed gets."""


def read_items(s3: S3, reader: Mapping[str, Json]) -> list[Json]:
    """Read the items.

    Args:
        s3: calls S3.
        reader: the ItemReader, evaluated.

    Raises:
        ItemReaderError: S3 refuses, or the object is not what ReaderConfig says.
    """
    config = reader.get("ReaderConfig") or {}
    most = config.get("MaxItems") or MOST_ITEMS
    if most < 0:
        raise ItemReaderError("field MaxItems must be positive")
    parameters = reader.get("Parameters") or reader.get("Arguments") or {}
    try:
        if str(reader.get("Resource", "")).endswith(":listObjectsV2"):
            items = _listed(s3, parameters, config)
        else:
            items = _read(s3, parameters, config)
        return list(itertools.islice(items, int(min(most, MOST_ITEMS))))
    except (Refused, Unreachable) as error:
        raise ItemReaderError(s3_cause(error)) from None


def s3_cause(error: Refused | Unreachable) -> str:
    """Say what went wrong with S3, in the words of AWS's SDK for Java."""
    return sdk_cause("S3", error) if isinstance(error, Refused) else str(error)


def _listed(s3: S3, parameters: Mapping[str, Json], config: Mapping[str, Json]) -> Iterator[Json]:
    asked = dict(parameters)
    while True:
        page = s3("ListObjectsV2", asked)
        for item in page.get("Contents", ()):
            if config.get("Transformation") == "LOAD_AND_FLATTEN":
                yield from _parsed(_fetched(s3, parameters["Bucket"], item["Key"]), config)
                continue
            yield {
                "Etag": item["ETag"],
                "Key": item["Key"],
                "LastModified": float(int(item["LastModified"].timestamp())),  # a Java double: 1.789180622E9
                "Size": item["Size"],
                "StorageClass": item.get("StorageClass", "STANDARD"),
            }
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _fetched(s3: S3, bucket: str, key: str) -> bytes:
    body: bytes = s3("GetObject", {"Bucket": bucket, "Key": key}).get("Body") or b""
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def _read(s3: S3, parameters: Mapping[str, Json], config: Mapping[str, Json]) -> Iterator[Json]:
    body: bytes = s3("GetObject", parameters).get("Body") or b""
    if config.get("ManifestType") == "ATHENA_DATA":
        return _athena(s3, body, config)
    if config.get("InputType") == "MANIFEST" or config.get("ManifestType") == "S3_INVENTORY":
        return _inventory(s3, body, parameters)
    return _parsed(body, config)


def _parsed(body: bytes, config: Mapping[str, Json]) -> Iterator[Json]:
    kind = config.get("InputType", "JSON")
    if kind == "PARQUET":
        return _parquet(body)
    text = _text(body)
    if kind == "CSV":
        return _rows(text, config)
    return _lines(text) if kind == "JSONL" else _array(text, config)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ItemReaderError(f"The object is not UTF-8: {error}") from None


def _array(text: str, config: Mapping[str, Json]) -> Iterator[Json]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ItemReaderError(f"Unable to parse the JSON object: {error}") from None
    for step in str(config.get("ItemsPointer", "")).split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(document, dict) or step not in document:
            raise ItemReaderError(f"ItemsPointer {config['ItemsPointer']} points to nothing in the object")
        document = document[step]
    if isinstance(document, dict):
        return iter([{"Key": key, "Value": value} for key, value in document.items()])
    if not isinstance(document, list):
        raise ItemReaderError("Attempting to map over non-iterable node.")
    return iter(document)


def _lines(text: str) -> Iterator[Json]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ItemReaderError(f"Unable to parse line {number} of the JSON Lines object: {error}") from None


def _rows(text: str, config: Mapping[str, Json]) -> Iterator[dict[str, str]]:
    """Columns that a row lacks are empty; those that have no header are left out."""
    rows = csv.reader(io.StringIO(text), delimiter=DELIMITERS[config.get("CSVDelimiter", "COMMA")])
    try:
        if config.get("CSVHeaderLocation", "FIRST_ROW") == "GIVEN":
            headers = list(config.get("CSVHeaders") or ())
        else:
            headers = next(rows, [])
        if not headers:
            raise ItemReaderError("The CSV object has no headers.")
        if len(set(headers)) < len(headers):
            raise ItemReaderError("CSV headers cannot contain duplicates.")
        places = _as_java_has_them(headers)
        for row in rows:
            if row:
                yield {headers[place]: row[place] if place < len(row) else "" for place in places}
    except csv.Error as error:
        raise ItemReaderError(f"Unable to parse the CSV object: line {rows.line_num}: {error}") from None


def _as_java_has_them(names: list[str]) -> list[int]:
    """Return the order in which AWS gives a row's columns: that of a Java HashMap, by the names' hash codes."""
    size = 16
    while len(names) > size * 0.75:
        size *= 2

    def bucket(name: str) -> int:
        code = 0
        units = name.encode("utf-16-be", "surrogatepass")
        for first, second in zip(units[::2], units[1::2], strict=True):
            code = (code * 31 + (first << 8 | second)) & 0xFFFFFFFF
        return (code ^ code >> 16) & (size - 1)

    return sorted(range(len(names)), key=lambda place: bucket(names[place]))


def _parquet(body: bytes) -> Iterator[Json]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ItemReaderError("not emulated: PARQUET is read where pyarrow is installed") from None
    try:
        table = parquet.read_table(io.BytesIO(body))
    except ArrowException as error:
        raise ItemReaderError(f"Unable to parse the Parquet object: {error}") from None
    for row in table.to_pylist():
        yield json.loads(json.dumps(row, default=str))


def _inventory(s3: S3, body: bytes, parameters: Mapping[str, Json]) -> Iterator[dict[str, str]]:
    """Yield what an S3 inventory lists: the objects that its ``manifest.json`` names are gzipped CSV without headers.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
    """
    try:
        manifest = json.loads(body)
        names = [name.strip() for name in manifest["fileSchema"].split(",")]
        files = [entry["key"] for entry in manifest["files"]]
        bucket = str(manifest.get("destinationBucket", "")).rpartition(":")[2] or parameters["Bucket"]
        form = manifest.get("fileFormat", "CSV")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ItemReaderError(f"The object is not an S3 inventory's manifest.json: {error!r}") from None
    if form != "CSV":
        raise ItemReaderError(f"not emulated: an S3 inventory in the format {form}; CSV is read")
    for key in files:
        data: bytes = s3("GetObject", {"Bucket": bucket, "Key": key}).get("Body") or b""
        try:
            text = _text(gzip.decompress(data))
        except (OSError, EOFError) as error:
            raise ItemReaderError(f"The inventory's file {key} is not gzip: {error}") from None
        for row in csv.reader(io.StringIO(text)):
            yield {_INVENTORY_NAMES.get(name, name): value for name, value in zip(names, row, strict=False)}


def _athena(s3: S3, body: bytes, config: Mapping[str, Json]) -> Iterator[Json]:
    """Yield what Athena's UNLOAD has written: its manifest names an object on every line.

    https://docs.aws.amazon.com/athena/latest/ug/unload.html
    """
    for line in _text(body).splitlines():
        if not line.strip():
            continue
        bucket, _, key = line.strip().strip('"').removeprefix("s3://").partition("/")
        if not key:
            raise ItemReaderError(f"The manifest's line {line} is no S3 URI")
        yield from _parsed(_fetched(s3, bucket, key), config)
