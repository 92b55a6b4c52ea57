"""Reads the items of a Distributed Map out of S3, as ItemReader says.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
MOST_ITEMS = 100_000_000
_INVENTORY_NAMES = {
    "Bucket": "Bucket",
    "Key": "Key",
    "Size": "Size",
    "LastModifiedDate": "LastModified",
    "ETag": "Etag",
    "StorageClass": "StorageClass",
}


class ItemReaderError(Exception):
    """The items cannot be read; the message is the cause that States.ItemReaderFailed gets."""


def read_items(s3: Any, action: str, parameters: dict[str, Any], config: dict[str, Any], most: int) -> list[Any]:
    """The items.

    Args:
        s3: a client with the state machine's rights.
        action: ``getObject`` or ``listObjectsV2``.
        parameters: of the action.
        config: ReaderConfig.
        most: MaxItems; 0 for no limit but AWS's own.

    Raises:
        ItemReaderError: S3 refuses, or the object is not what *config* says.
    """
    from botocore.exceptions import ClientError

    try:
        if action == "listObjectsV2":
            items = _listed(s3, parameters)
        else:
            body = s3.get_object(**parameters)["Body"].read()
            items = _read(s3, body, parameters, config)
        return list(itertools.islice(items, most or MOST_ITEMS))
    except ClientError as error:
        raise ItemReaderError(client_error_cause(error)) from None


def client_error_cause(error: Any) -> str:
    """An S3 error in the words of AWS's SDK for Java."""
    metadata = error.response.get("ResponseMetadata", {})
    parts = [
        "Service: S3",
        f"Status Code: {metadata.get('HTTPStatusCode', 0)}",
        f"Request ID: {metadata.get('RequestId', 'null')}",
        f"Extended Request ID: {metadata.get('HostId', 'null')}",
    ]
    return f"{error.response['Error'].get('Message', '')} ({', '.join(parts)})"


def _listed(s3: Any, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_objects_v2").paginate(**parameters):
        for item in page.get("Contents", ()):
            yield {
                "Etag": item["ETag"],
                "Key": item["Key"],
                "LastModified": int(item["LastModified"].timestamp()),
                "Size": item["Size"],
                "StorageClass": item.get("StorageClass", "STANDARD"),
            }


def _read(s3: Any, body: bytes, parameters: dict[str, Any], config: dict[str, Any]) -> Iterator[Any]:
    kind = config.get("InputType", "JSON")
    if kind == "MANIFEST":
        return _inventory(s3, body, parameters)
    text = _text(body)
    if kind == "CSV":
        return _rows(text, config)
    return _lines(text) if kind == "JSONL" else _array(text, config)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ItemReaderError(f"The object is not UTF-8: {error}") from None


def _array(text: str, config: dict[str, Any]) -> Iterator[Any]:
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


def _lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ItemReaderError(f"Unable to parse line {number} of the JSON Lines object: {error}") from None


def _rows(text: str, config: dict[str, Any]) -> Iterator[dict[str, str]]:
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
        for row in rows:
            if row:
                yield {name: row[index] if index < len(row) else "" for index, name in enumerate(headers)}
    except csv.Error as error:
        raise ItemReaderError(f"Unable to parse the CSV object: line {rows.line_num}: {error}") from None


def _inventory(s3: Any, body: bytes, parameters: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What an S3 inventory lists: the objects that its ``manifest.json`` names are gzipped CSV without headers.

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
        raise ItemReaderError(f"An S3 inventory in the format {form} is not read; CSV is.")
    for key in files:
        data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        try:
            text = _text(gzip.decompress(data))
        except (OSError, EOFError) as error:
            raise ItemReaderError(f"The inventory's file {key} is not gzip: {error}") from None
        for row in csv.reader(io.StringIO(text)):
            yield {_INVENTORY_NAMES.get(name, name): value for name, value in zip(names, row, strict=False)}
