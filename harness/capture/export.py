"""Captures written as JSONL, CSV or Parquet, as they are read; what is not finished never bears its name."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.capture.batches import Batch
from harness.capture.records import COLUMNS, Skipped

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("jsonl", "csv", "parquet")
_AT = COLUMNS.index("content_type")
EXPORTED = (*COLUMNS[:_AT], "variant", *COLUMNS[_AT:])


@dataclass(frozen=True)
class Exported:
    """What came of an export."""

    records: int
    skipped: list[Skipped]


def format_of(path: Path, named: str | None) -> str:
    """Return the format that was named, or the one that a file's name ends in.

    Raises:
        ValueError: neither says.
    """
    chosen = named or {".json": "jsonl", ".ndjson": "jsonl"}.get(path.suffix, path.suffix.removeprefix("."))
    if chosen not in FORMATS:
        raise ValueError(
            f"{path}: name the format with --format ({', '.join(FORMATS)}), or by how the file's name ends"
        )
    return chosen


def export(batches: Iterable[Batch], path: Path, form: str, *, threshold: float, images: bool = False) -> Exported:
    """Write records to *path*, by way of a temporary name beside it.

    Args:
        path: of the file; its folder is made.
        batches: with probabilities, and with images if those are wanted.
        form: one of :data:`FORMATS`.
        threshold: confidence to exceed, for the column ``passed``.
        images: whether there is a column ``image``: the input as it is in the record.

    Raises:
        RuntimeError: Parquet is wanted and DuckDB is not installed.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[form]
    records, skipped = 0, []
    with unfinished(path) as scratch, writer(scratch) as write:
        for batch in batches:
            skipped += batch.skipped
            if len(batch):
                write(columns(batch, threshold, images))
                records += len(batch)
    return Exported(records, skipped)


def columns(batch: Batch, threshold: float, images: bool) -> pd.DataFrame:
    """Return a batch as it is exported: the columns ``EXPORTED``.

    Args:
        batch: read with probabilities, and with images where *images* is true.
        threshold: confidence to exceed (0 to 1), for the column ``passed``.
        images: whether the column ``image`` is there.
    """
    frame = batch.to_frame(threshold)
    return frame[[name for name in EXPORTED if images or name != "image"]]


def as_jsonl(frame: pd.DataFrame) -> str:
    """Write a JSON object a line; times as in the capture files."""
    shown = frame.assign(time=_times(frame)).astype(object)
    shown = shown.where(shown.notna(), None)
    names = list(shown.columns)
    rows = zip(*(shown[name].tolist() for name in names), strict=True)
    return "".join(json.dumps(dict(zip(names, row, strict=True)), separators=(",", ":")) + "\n" for row in rows)


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Yield a name beside *path* to write to, which becomes *path* when the block ends well, and else is gone."""
    scratch = path.with_name(path.name + ".part")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _times(frame: pd.DataFrame) -> Any:
    return frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _jsonl(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    with path.open("w", encoding="utf-8") as stream:
        yield lambda frame: _discard(stream.write(as_jsonl(frame)))


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    with path.open("w", encoding="utf-8", newline="") as stream:
        yield CsvWriter(stream)
        if not stream.tell():
            stream.write(",".join(name for name in EXPORTED if name != "image") + "\n")


class CsvWriter:
    """Writes frames to a stream, the names of the columns once."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._header = True

    def __call__(self, frame: pd.DataFrame) -> None:
        """Write the lines of *frame*."""
        probabilities = frame["probabilities"].map(json.dumps, na_action="ignore")
        shown = frame.assign(time=_times(frame), probabilities=probabilities)
        shown.to_csv(self._stream, index=False, header=self._header, lineterminator="\n")
        self._header = False


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    duckdb = import_duckdb("Parquet")
    # DuckDB keeps the rows in a file of its own until all are there: Parquet is written column by column.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".captures-") as folder:
        database = duckdb.connect(str(Path(folder) / "rows.duckdb"))
        try:
            database.execute("SET TimeZone = 'UTC'")
            database.execute(f"CREATE TABLE rows ({', '.join(f'{name} {kind}' for name, kind in _PARQUET.items())})")

            def write(frame: pd.DataFrame) -> None:
                rows_of_batch = frame.assign(
                    time=frame["time"].dt.tz_localize(None), predicted=frame["predicted"].astype("float64")
                )
                names = ", ".join(f'"{name}"' for name in frame.columns)
                database.register("batch", rows_of_batch)
                database.execute(f"INSERT INTO rows ({names}) SELECT {names} FROM batch")
                database.unregister("batch")

            yield write
            database.execute("COPY rows TO ? (FORMAT parquet, COMPRESSION zstd)", [str(path)])
        finally:
            database.close()


_PARQUET = {
    "time": "TIMESTAMPTZ",
    "event_id": "VARCHAR",
    "inference_id": "VARCHAR",
    "variant": "VARCHAR",
    "content_type": "VARCHAR",
    "predicted": "INTEGER",
    "confidence": "DOUBLE",
    "passed": "BOOLEAN",
    "probabilities": "DOUBLE[]",
    "image": "VARCHAR",
    "source": "VARCHAR",
    "line": "BIGINT",
}


def import_duckdb(purpose: str) -> Any:
    """DuckDB's module.

    Raises:
        RuntimeError: it is not installed.
    """
    try:
        import duckdb
    except ImportError:
        raise RuntimeError(f"{purpose} needs DuckDB: pip install 'aws-ml-harness[captures]'") from None
    return duckdb


def _discard(_: object) -> None:
    return None
