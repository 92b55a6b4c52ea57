"""What Step Functions keeps: one SQLite file for resources, executions that run and that have ended, and histories.

Without a file's name the file has none either: it is the operating system's to remove, whatever ends the emulator.
Each row carries a checksum of its own, and an orderly stop leaves one of the whole file beside it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.emulator.process.seal import is_sealed, seal, take_off
from harness.emulator.process.state import StateError
from harness.emulator.stepfunctions.checksums import checksum, damaged_row
from harness.emulator.stepfunctions.kept_executions import COLUMNS, Kept, kept_of, packed, row_of, unpacked

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS resources (arn TEXT PRIMARY KEY, kind TEXT, body TEXT, checksum BLOB);
CREATE TABLE IF NOT EXISTS revisions (id TEXT PRIMARY KEY, machine TEXT, body TEXT, checksum BLOB);
CREATE TABLE IF NOT EXISTS executions (
    arn TEXT PRIMARY KEY, machine TEXT, version TEXT, alias TEXT, map_run TEXT, status TEXT, started REAL, stopped REAL,
    redrives INTEGER, redriven REAL, number INTEGER, record BLOB, history BLOB, checksum BLOB);
CREATE INDEX IF NOT EXISTS by_machine ON executions (machine, number);
CREATE INDEX IF NOT EXISTS by_map_run ON executions (map_run, number) WHERE map_run IS NOT NULL;
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, checksum BLOB);
"""
_TABLE_NAMES = ("resources", "revisions", "executions", "tokens")


class Store:
    """Keeps them. Safe between threads.

    Args:
        path: of the file; None keeps nothing longer than the emulator runs.

    Raises:
        StateError: another emulator uses the file, another release wrote it, or it is damaged.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._path = path
        # Without a name nobody can change the file, and two checksums an execution would be for nothing.
        self._checksum = checksum if path is not None else lambda row: b""
        whole = path is None or is_sealed(path)
        self._file = sqlite3.connect(path or "", timeout=0.0, check_same_thread=False, isolation_level=None)
        journal = "OFF" if path is None else "WAL"
        settings = f"PRAGMA synchronous=OFF; PRAGMA cache_size=-4000; PRAGMA journal_mode={journal}"
        try:
            self._file.execute("PRAGMA locking_mode=EXCLUSIVE")
            if path is not None:
                self._look_at(path, whole)
            self._file.executescript(f"{settings}; PRAGMA user_version={_FORMAT}; {_TABLES}")
        except sqlite3.OperationalError as error:
            self._file.close()
            folder = path.parent if path is not None else None
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise StateError(f"another emulator keeps its state in {folder}; name another folder") from None
            raise StateError(f"{path} cannot be used ({error}); name another folder") from None
        except sqlite3.DatabaseError as error:
            self._file.close()
            raise StateError(f"{path} is damaged ({error}); remove it to start afresh") from None
        except StateError:
            self._file.close()
            raise
        if path is not None:
            take_off(path)
        self._number: int = self._file.execute("SELECT coalesce(max(number), 0) FROM executions").fetchone()[0]

    def _look_at(self, path: Path, whole: bool | None) -> None:
        """Refuse a file of another format, and one with a row, or a byte elsewhere, that has changed."""
        (tables,) = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (written,) = self._file.execute("PRAGMA user_version").fetchone()
        if tables and written != _FORMAT:
            raise StateError(f"{path} was written by another release; remove it to start afresh")
        if not tables or whole:
            return
        row = damaged_row(self._file, _TABLE_NAMES)
        if row is not None:
            raise StateError(f"{path} is damaged ({row} is not as it was written); remove it to start afresh")
        if whole is False:
            raise StateError(f"{path} is damaged (it is not as it was written); remove it to start afresh")

    # Resources: machines, versions, aliases, activities, Map Runs

    def put(self, kind: str, arn: str, body: Mapping[str, Any]) -> None:
        """Keep a resource as it is now.

        Args:
            kind: ``machine``, ``activity``, ``mapRun`` and the like.
            arn: of the resource.
            body: its data, JSON.
        """
        self._put("REPLACE", "resources", (arn, kind, json.dumps(body)))

    def remove(self, arn: str) -> None:
        """Forget a resource."""
        self._do("DELETE FROM resources WHERE arn = ?", (arn,))

    def resources(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the resources of a kind, by ARN, in the order in which they were made."""
        for arn, body in self._all("SELECT arn, body FROM resources WHERE kind = ? ORDER BY rowid", (kind,)):
            yield arn, json.loads(body)

    def has(self, arn: str) -> bool:
        """Whether there is a resource of that ARN."""
        return bool(self._all("SELECT 1 FROM resources WHERE arn = ?", (arn,)))

    def put_revision(self, number: str, machine: str, body: Mapping[str, Any]) -> None:
        """Keep what a state machine was, for the executions that run it.

        Args:
            number: ``revisionId``.
            machine: ARN of the state machine.
            body: definition, role and the like, JSON.
        """
        self._put("REPLACE", "revisions", (number, machine, json.dumps(body)))

    def revision(self, number: str) -> dict[str, Any] | None:
        """Return what a state machine was."""
        found = self._all("SELECT body FROM revisions WHERE id = ?", (number,))
        return json.loads(found[0][0]) if found else None

    # Executions

    def begin(self, kept: Kept) -> bool:
        """Keep an execution that begins; False where there is one of that name already."""
        with self._lock:
            self._number += 1
            kept.number = self._number
            return self._insert("IGNORE", "executions", row_of(kept, b"")) == 1

    def end(self, kept: Kept, events: Sequence[Mapping[str, Any]]) -> None:
        """Keep an execution as it is now, and its history; nothing where it was forgotten meanwhile."""
        row = row_of(kept, packed(list(events)))
        columns = f"{COLUMNS}, record, history, checksum"
        with self._lock:
            self._file.execute(
                f"UPDATE executions SET ({columns}) = ({', '.join('?' * (len(row) + 1))}) WHERE arn = ?",
                (*row, self._checksum(row), kept.arn),
            )

    def execution(self, arn: str) -> Kept | None:
        """Return an execution without its history."""
        found = self._all(f"SELECT {COLUMNS}, record FROM executions WHERE arn = ?", (arn,))
        return kept_of(found[0]) if found else None

    def history(self, arn: str) -> list[dict[str, Any]]:
        """Return the events of an execution that has ended."""
        found = self._all("SELECT history FROM executions WHERE arn = ?", (arn,))
        events: list[dict[str, Any]] = unpacked(found[0][0]) if found and found[0][0] else []
        return events

    def listed(
        self,
        column: str,
        value: str,
        *,
        before: int | None,
        most: int,
        status: str | None = None,
        redriven: bool | None = None,
    ) -> tuple[list[Kept], int | None]:
        """List executions, the youngest first, without their members; and say where the next page begins.

        Args:
            column: ``machine``, ``version``, ``alias`` or ``map_run``.
            value: which one.
            before: where this page begins.
            most: of a page.
            status: only those.
            redriven: only those that were, or were not, redriven.
        """
        assert column in ("machine", "version", "alias", "map_run")
        asked, values = f"{column} = ?", [value]
        conditions: list[tuple[str, Any]] = []
        if before is not None:
            conditions.append(("number < ?", before))
        if status is not None:
            conditions.append(("status = ?", status))
        for condition, given in conditions:
            asked += f" AND {condition}"
            values.append(given)
        if redriven is not None:
            asked += f" AND redrives {'>' if redriven else '='} 0"
        rows = self._all(
            f"SELECT {COLUMNS} FROM executions WHERE {asked} ORDER BY number DESC LIMIT {int(most) + 1}",
            values,
        )
        return [kept_of((*row, None)) for row in rows[:most]], rows[most - 1][-1] if len(rows) > most else None

    def left_running(self) -> list[str]:
        """ARNs of executions that run, or did when the emulator stopped."""
        return [arn for (arn,) in self._all("SELECT arn FROM executions WHERE status = 'RUNNING'", ())]

    def forget_executions(self, machine: str) -> None:
        """Forget the executions of a state machine that is deleted, those of its Map Runs among them."""
        self._do("DELETE FROM executions WHERE machine = ? OR machine GLOB ?", (machine, f"{machine}/*"))
        self._do("DELETE FROM revisions WHERE machine = ?", (machine,))

    # Task tokens that are no longer waited for

    def spend(self, token: str) -> None:
        """Remember that *token* was one."""
        self._put("IGNORE", "tokens", (token,))

    def is_spent(self, token: str) -> bool:
        """Whether it was one."""
        return bool(self._all("SELECT 1 FROM tokens WHERE token = ?", (token,)))

    def close(self) -> None:
        """Close the file, and seal it."""
        with self._lock:
            self._file.close()
            if self._path is not None:
                seal(self._path)

    def _put(self, otherwise: str, table: str, row: Sequence[Any]) -> None:
        with self._lock:
            self._insert(otherwise, table, row)

    def _insert(self, otherwise: str, table: str, row: Sequence[Any]) -> int:
        """How many rows came."""
        places = ", ".join("?" * (len(row) + 1))
        statement = f"INSERT OR {otherwise} INTO {table} VALUES ({places})"
        return self._file.execute(statement, (*row, self._checksum(row))).rowcount

    def _do(self, statement: str, values: Sequence[Any]) -> None:
        with self._lock:
            self._file.execute(statement, values)

    def _all(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._lock:
            return self._file.execute(statement, values).fetchall()
