"""One reader of captures, in a process of its own: ``python -m benchmarks.capture_readers NAME FOLDER``.

Each makes the same columns: time, event id, content type, likeliest class and its confidence. Prints one JSON object:
the records, the sum of their confidences, wall and CPU seconds without imports, and the highest memory in MB.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

Reader = Callable[[list[Path]], tuple[int, float]]


def harness(processes: int) -> Reader:
    """Return this project's reader, batch by batch."""
    from harness.capture.batches import read_batches
    from harness.capture.places import FolderPlace

    def read(files: list[Path]) -> tuple[int, float]:
        count, total = 0, 0.0
        for batch in read_batches(FolderPlace(files[0].parent), processes=processes):
            count, total = count + len(batch), total + float(batch.confidence.sum())
        return count, total

    return read


def from_objects(loads: Callable[[Any], Any], objects: Callable[[Path], Iterable[Any]]) -> Reader:
    """Return the reader of a library that makes Python objects of a line: columns are made of them, file by file."""

    def read(files: list[Path]) -> tuple[int, float]:
        count, total = 0, 0.0
        for file in files:
            rows = []
            for record in objects(file):
                values = loads(record["captureData"]["endpointOutput"]["data"])
                best = max(values)
                rows.append(
                    (
                        record["eventMetadata"]["inferenceTime"][:19],
                        record["eventMetadata"]["eventId"],
                        record["captureData"]["endpointInput"]["observedContentType"],
                        values.index(best),
                        best,
                    )
                )
            times, _, _, classes, confidences = zip(*rows, strict=True)
            columns = np.array(times, "datetime64[s]"), np.array(classes), np.array(confidences)
            count, total = count + len(columns[0]), total + float(columns[2].sum())
        return count, total

    return read


def json_reader() -> Reader:
    """Return the standard library's reader."""
    return from_objects(json.loads, lambda file: map(json.loads, file.open("rb")))


def orjson_reader() -> Reader:
    """orjson."""
    import orjson

    return from_objects(orjson.loads, lambda file: map(orjson.loads, file.open("rb")))


def jsonlines_reader() -> Reader:
    """jsonlines, which takes orjson where that is installed."""
    import jsonlines

    return from_objects(json.loads, lambda file: jsonlines.open(file))


def pyarrow_reader() -> Reader:
    """pyarrow, streaming, told which fields are wanted."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json as pj

    side = [("observedContentType", pa.string()), ("encoding", pa.string())]
    sides = pa.struct(
        [("endpointInput", pa.struct(side)), ("endpointOutput", pa.struct([*side, ("data", pa.string())]))]
    )
    metadata = pa.struct([("eventId", pa.string()), ("inferenceTime", pa.string())])
    parse = pj.ParseOptions(
        explicit_schema=pa.schema([("captureData", sides), ("eventMetadata", metadata)]),
        unexpected_field_behavior="ignore",
    )
    options = pj.ReadOptions(block_size=8 << 20)

    def read(files: list[Path]) -> tuple[int, float]:
        count, total = 0, 0.0
        for file in files:
            for batch in pj.open_json(file, read_options=options, parse_options=parse):
                text = pc.struct_field(batch["captureData"], ["endpointOutput", "data"])
                values = np.array(json.loads("[" + ",".join(text.to_pylist()) + "]"))
                moments = pc.struct_field(batch["eventMetadata"], "inferenceTime")
                columns = pc.strptime(moments, "%Y-%m-%dT%H:%M:%SZ", "s"), values.argmax(1), values.max(1)
                count, total = count + len(columns[0]), total + float(columns[2].sum())
        return count, total

    return read


def polars_reader() -> Reader:
    """Polars, lazily, told which fields are wanted."""
    import polars as pl

    side = {"observedContentType": pl.String, "encoding": pl.String}
    sides = pl.Struct({"endpointInput": pl.Struct(side), "endpointOutput": pl.Struct({**side, "data": pl.String})})
    schema = {
        "captureData": sides,
        "eventMetadata": pl.Struct({"eventId": pl.String, "inferenceTime": pl.String}),
    }

    def read(files: list[Path]) -> tuple[int, float]:
        output = pl.col("captureData").struct.field("endpointOutput").struct.field("data")
        values = output.str.json_decode(pl.List(pl.Float64))
        metadata = pl.col("eventMetadata").struct
        found: Any = (
            pl.scan_ndjson(files, schema=schema)
            .select(
                metadata.field("inferenceTime").str.to_datetime("%Y-%m-%dT%H:%M:%SZ").alias("time"),
                metadata.field("eventId"),
                pl.col("captureData").struct.field("endpointInput").struct.field("observedContentType"),
                values.list.arg_max().alias("predicted"),
                values.list.max().alias("confidence"),
            )
            .collect(engine="streaming")
        )
        return len(found), float(found["confidence"].sum())

    return read


def duckdb_reader() -> Reader:
    """DuckDB, told which fields are wanted."""
    import duckdb

    side = "observedContentType VARCHAR, encoding VARCHAR"
    columns = (
        f"{{captureData: 'STRUCT(endpointInput STRUCT({side}), endpointOutput STRUCT({side}, data VARCHAR))', "
        "eventMetadata: 'STRUCT(eventId VARCHAR, inferenceTime TIMESTAMP)'}"
    )

    def read(files: list[Path]) -> tuple[int, float]:
        names = [str(file) for file in files]
        found = (
            duckdb.connect()
            .execute(
                "SELECT eventMetadata.inferenceTime, eventMetadata.eventId, "
                "captureData.endpointInput.observedContentType, list_position(numbers, list_max(numbers)) - 1, "
                "list_max(numbers) AS confidence "
                "FROM (SELECT *, CAST(captureData.endpointOutput.data AS DOUBLE[]) AS numbers "
                f"FROM read_json({names}, format = 'newline_delimited', columns = {columns}))"
            )
            .fetchnumpy()
        )
        return len(found["confidence"]), float(found["confidence"].sum())

    return read


READERS: dict[str, Callable[[], Reader]] = {
    "harness": lambda: harness(1),
    "harness, 2 processes": lambda: harness(2),
    "DuckDB": duckdb_reader,
    "Polars": polars_reader,
    "pyarrow": pyarrow_reader,
    "orjson": orjson_reader,
    "jsonlines": jsonlines_reader,
    "json": json_reader,
}
PROCESSES = {"harness, 2 processes": 2}
"""Readers with processes of their own; each is counted with the memory of the largest."""


def main(name: str, folder: str) -> None:
    """Read, and say what it took."""
    files = sorted(Path(folder).glob("*.jsonl"))
    read = READERS[name]()
    wall, cpu = time.perf_counter(), _processor_seconds()
    count, total = read(files)
    result = {
        "records": count,
        "sum": total,
        "wall": time.perf_counter() - wall,
        "cpu": _processor_seconds() - cpu,
        "memory_mb": _peak_of_this() + PROCESSES.get(name, 0) * _mb(resource.getrusage(resource.RUSAGE_CHILDREN)),
    }
    print(json.dumps(result))


def _peak_of_this() -> float:
    """Highest memory of this process in MB."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return _mb(resource.getrusage(resource.RUSAGE_SELF))
    # What getrusage tells on Linux begins with the memory of the process that started this one.
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _mb(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _processor_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    main(*sys.argv[1:])
