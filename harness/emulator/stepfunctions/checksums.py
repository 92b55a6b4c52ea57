"""A checksum for each row of a table, so that a changed byte is found, and said where."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence


def checksum(row: Sequence[str | bytes | float | None]) -> bytes:
    """Compute the checksum of the values of a row: the last column of its table, which is called ``checksum``."""
    digest = hashlib.blake2b(digest_size=16)
    for value in row:
        if isinstance(value, bytes):
            data = value
        else:
            data = (str(float(value)) if isinstance(value, int | float) else repr(value)).encode()
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()


def damaged_row(file: sqlite3.Connection, tables: Iterable[str]) -> str | None:
    """Find a row whose values are not those that its checksum was made of.

    Args:
        file: the database.
        tables: their names; the first column of each tells its rows apart, the last one is the checksum.

    Returns:
        table and key of the first one found, None where every row is whole.

    Raises:
        sqlite3.DatabaseError: the file cannot be read so far.
    """
    for table in tables:
        for *row, noted in file.execute(f"SELECT * FROM {table}"):
            if noted != checksum(row):
                return f"{table} {row[0]}"
    return None
