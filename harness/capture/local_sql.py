"""The queries of :mod:`harness.capture.athena` on this machine: DuckDB over a folder of captures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.capture.athena import check_name
from harness.capture.export import import_duckdb
from harness.capture.places import FolderPlace

if TYPE_CHECKING:
    import pandas as pd

_SIDE = "STRUCT(observedContentType VARCHAR, mode VARCHAR, data VARCHAR, encoding VARCHAR)"
_COLUMNS = {
    "captureData": f"STRUCT(endpointInput {_SIDE}, endpointOutput {_SIDE})",
    "eventMetadata": "STRUCT(eventId VARCHAR, inferenceId VARCHAR, inferenceTime VARCHAR)",
    "eventVersion": "VARCHAR",
}


def run_query(sql: str, folder: Path, table: str = "captures") -> pd.DataFrame:
    """Run a query over the captures in *folder*, and return what it answers.

    The text runs as it is. For DuckDB to take it there is a view in place of Athena's table, with the same columns and
    partitions, and one macro, ``from_utf8``, which DuckDB calls ``decode``.

    Args:
        sql: from :func:`harness.capture.athena.query`.
        folder: where the captures lie, below their variants and hours.
        table: the table's name in *sql*.

    Raises:
        FileNotFoundError: there is no such folder.
        RuntimeError: DuckDB is not installed, or does not take the query.
    """
    check_name(table)
    duckdb = import_duckdb("SQL on this machine")
    files = list(FolderPlace(folder).files())
    database = duckdb.connect()
    try:
        database.execute("CREATE MACRO from_utf8(bytes) AS decode(bytes)")
        database.execute("CREATE TABLE files (path VARCHAR, variant VARCHAR, hour VARCHAR)")
        rows: list[tuple[str, str | None, str | None]] = []
        if files:
            rows = [
                (str(folder / file.source), file.variant, f"{file.hour:%Y/%m/%d/%H}" if file.hour else None)
                for file in files
            ]
            database.executemany("INSERT INTO files VALUES (?, ?, ?)", rows)
        columns = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in _COLUMNS.items()) + "}"
        paths = "[" + ", ".join("'" + row[0].replace("'", "''") + "'" for row in rows) + "]" if files else None
        lines = (
            # Lines that are no JSON are lines of NULL, as Athena's JSON SerDe makes them with ignore.malformed.json.
            f"SELECT * FROM read_json({paths}, format = 'newline_delimited', columns = {columns}, filename = true, "
            "ignore_errors = true, maximum_object_size = 67108864)"
            if paths
            else "SELECT "
            + ", ".join(f"NULL::{kind} AS {name}" for name, kind in _COLUMNS.items())
            + ", '' AS filename "
            "WHERE false"
        )
        database.execute(
            f"CREATE VIEW {table} AS SELECT lines.* EXCLUDE (filename), files.variant, files.hour, "
            f'filename AS "$path" FROM ({lines}) AS lines JOIN files ON files.path = lines.filename'
        )
        found: pd.DataFrame = database.execute(sql).df()
        return found
    except duckdb.Error as error:
        raise RuntimeError(f"DuckDB: {error}") from None
    finally:
        database.close()
