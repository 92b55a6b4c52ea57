"""Executions that have ended, on disk: a Map Run leaves thousands, each with its history, and memory stays as it is."""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_TABLE = """
CREATE TABLE executions (
    arn TEXT PRIMARY KEY, machine TEXT, map_run TEXT, status TEXT, started REAL, stopped REAL, redrives INTEGER,
    record BLOB, history BLOB);
CREATE INDEX by_machine ON executions (machine, started);
CREATE INDEX by_map_run ON executions (map_run, started);
"""


class Archive:
    """Keeps executions by ARN, for as long as the emulator runs. Safe between threads.

    Args:
        folder: where its file goes.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "executions.sqlite"
        self._path.unlink(missing_ok=True)
        self._lock = threading.Lock()
        self._file = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        self._file.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-2000;" + _TABLE)

    def put(self, execution: Any, map_run: str | None, redrives: int, *, history: bool = True) -> None:
        """Keep *execution*, the engine's own object, that has ended."""
        env = execution.exec_worker.env
        record: dict[str, Any] = {
            "name": execution.name,
            "input": execution.execution_input,
            "definition": execution.state_machine.definition,
            "machine_name": execution.state_machine.name,
            "role": execution.role_arn,
        }
        status = execution.status
        if status == "SUCCEEDED":
            record["output"] = env.states.get_input()
        elif status == "FAILED":
            record["error"] = dict(env.program_state().error or {})
        elif status == "ABORTED":
            state = env.program_state()
            record["error"] = {"error": getattr(state, "error", None), "cause": getattr(state, "cause", None)}
        events = env.event_manager._history_event_list if history else ()
        row = (
            execution.execution_arn,
            execution.state_machine_arn,
            map_run,
            status,
            execution.start_date.timestamp(),
            execution.stop_date.timestamp(),
            redrives,
            _packed(record),
            _packed(list(events)),
        )
        with self._lock:
            self._file.execute("INSERT OR REPLACE INTO executions VALUES (?,?,?,?,?,?,?,?,?)", row)

    def record(self, arn: str) -> dict[str, Any] | None:
        """What there is of the execution *arn* but its history; None where it is not here."""
        with self._lock:
            row = self._file.execute(
                "SELECT machine, map_run, status, started, stopped, redrives, record FROM executions WHERE arn = ?",
                (arn,),
            ).fetchone()
        if row is None:
            return None
        names = ("machine", "map_run", "status", "started", "stopped", "redrives")
        return {"arn": arn, **dict(zip(names, row, strict=False)), **_unpacked(row[6])}

    def history(self, arn: str) -> list[dict[str, Any]]:
        """Its events, as the engine keeps them."""
        with self._lock:
            row = self._file.execute("SELECT history FROM executions WHERE arn = ?", (arn,)).fetchone()
        found: list[dict[str, Any]] = _unpacked(row[0])
        return found

    def has(self, arn: str) -> bool:
        """Whether it is here."""
        with self._lock:
            return self._file.execute("SELECT 1 FROM executions WHERE arn = ?", (arn,)).fetchone() is not None

    def take(self, arn: str) -> None:
        """Forget it: it runs again."""
        with self._lock:
            self._file.execute("DELETE FROM executions WHERE arn = ?", (arn,))

    def forget_machine(self, arn: str) -> None:
        """Forget the executions of a state machine that is deleted, those of its Map Runs among them."""
        with self._lock:
            self._file.execute("DELETE FROM executions WHERE machine = ? OR machine GLOB ?", (arn, f"{arn}/*"))

    def listed(self, *, machine: str | None = None, map_run: str | None = None) -> list[tuple[Any, ...]]:
        """Of the executions of a machine or of a Map Run: ARN, status, start and stop in seconds, redrives."""
        column, value = ("machine", machine) if machine else ("map_run", map_run)
        with self._lock:
            return self._file.execute(
                f"SELECT arn, status, started, stopped, redrives FROM executions WHERE {column} = ?", (value,)
            ).fetchall()

    def close(self) -> None:
        """Remove the file."""
        with self._lock:
            self._file.close()
        self._path.unlink(missing_ok=True)


class Executions(dict[str, tuple[Any, str]]):
    """Executions by ARN, each with its input as it was given; those in *archive* are made out again when asked for."""

    def __init__(self, archive: Archive) -> None:
        super().__init__()
        self._archive = archive

    def get(self, arn: str, default: Any = None) -> Any:
        found = super().get(arn)
        if found is not None:
            return found
        record = self._archive.record(arn)
        return default if record is None else (_like_the_engines(record, self._archive), record["input"])


def _like_the_engines(record: dict[str, Any], archive: Archive) -> Any:
    """An object with those members of the engine's that the API reads."""
    error = record.get("error") or {}

    class History:
        @property
        def _history_event_list(self) -> list[dict[str, Any]]:
            return archive.history(record["arn"])

    env = SimpleNamespace(
        event_manager=History(),
        states=SimpleNamespace(get_input=lambda: record.get("output")),
        program_state=lambda: SimpleNamespace(error=error),
    )
    ended = threading.Event()
    ended.set()
    return SimpleNamespace(
        execution_arn=record["arn"],
        state_machine_arn=record["machine"],
        name=record["name"],
        status=record["status"],
        start_date=datetime.fromtimestamp(record["started"]).astimezone(),
        stop_date=datetime.fromtimestamp(record["stopped"]).astimezone(),
        execution_input=record["input"],
        exec_worker=SimpleNamespace(env=env),
        harness_ended=ended,
    )


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":"), default=str).encode(), 1)


def _unpacked(value: bytes) -> Any:
    return json.loads(zlib.decompress(value))
