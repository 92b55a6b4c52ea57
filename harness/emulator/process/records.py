"""A file of records: plain data, each line under a checksum of its own, contents of objects beside it.

The first line says how many there are. A line is ``<SHA-256 of the rest> <JSON>``; large bytes lie in files that are
called as their SHA-256. Nothing in it names code, and a byte that has changed is found, and said where.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_LARGE = 4096
CONTENTS = "contents"


class DamagedError(ValueError):
    """A file of records is not as it was written; the message says where."""


@dataclass(frozen=True)
class Record:
    """What is kept of one resource.

    Attributes:
        kind: whose it is and what, ``lambda/function``.
        key: tells it from others of its kind.
        data: None, bool, numbers, text, bytes, datetimes, and lists, tuples, sets and mappings of such.
    """

    kind: str
    key: str
    data: object


def write_records(path: Path, header: Mapping[str, str], records: Iterable[Record]) -> None:
    """Put *records* in the place of what is at *path*: all of them, or what was there before stays.

    Args:
        path: the file; contents that are large lie in a folder beside it.
        header: members of the file's first line, e.g. the format's version; number and checksum of the records are
            added.
        records: kind, key and data, each a line.

    Raises:
        OSError: they could not be written.
        TypeError: a record holds something that is no data.
    """
    contents = _Contents(path.parent / CONTENTS)
    lines = [
        _line({"kind": record.kind, "key": record.key, "data": _plain(record.data, contents)}) for record in records
    ]
    first = _line({**header, "records": len(lines), "sha256": _digest(b"".join(lines))})
    _write(path, b"".join((first, *lines)))
    contents.forget_others()


def read_header(path: Path) -> dict[str, object]:
    """Read the first line.

    Raises:
        OSError: there is no such file, or it cannot be read.
        DamagedError: it is not as it was written.
    """
    with path.open("rb") as file:
        return _checked(file.readline(), "its first line")


def read_records(path: Path) -> list[Record]:
    """Read the records at *path*.

    Raises:
        OSError: they cannot be read.
        DamagedError: something is not as it was written.
    """
    first, *lines = path.read_bytes().splitlines(keepends=True)
    header = _checked(first, "its first line")
    if header.get("records") != len(lines):
        raise DamagedError(f"it has {len(lines)} records and says {header.get('records')}")
    records, name = [], "the first record"
    for line in lines:
        members = _checked(line, name)
        record = Record(members["kind"], members["key"], None)
        where = f"{record.kind} {record.key}"
        records.append(Record(record.kind, record.key, _value(members["data"], path.parent / CONTENTS, where)))
        name = f"the record after {where}"
    if header.get("sha256") != _digest(b"".join(lines)):
        raise DamagedError("its records are not those that were written together")
    return records


class _Contents:
    """Large bytes, each in a file that is called as its checksum: what is there already is not written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._named: set[str] = set()

    def put(self, data: bytes) -> str:
        name = _digest(data)
        if name not in self._named:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / name
            if not path.exists() or path.stat().st_size != len(data):
                _write(path, data)
            self._named.add(name)
        return name

    def forget_others(self) -> None:
        """Remove the files that nothing names any more."""
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in self._named:
                    with contextlib.suppress(OSError):
                        path.unlink()


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, not the data alone
    finally:
        os.close(folder)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _line(members: Mapping[str, Any]) -> bytes:
    text = json.dumps(members, separators=(",", ":")).encode()
    return _digest(text).encode() + b" " + text + b"\n"


def _checked(line: bytes, name: str) -> dict[str, Any]:
    digest, _, text = line.partition(b" ")
    if not text.endswith(b"\n") or digest.decode("latin-1") != _digest(text[:-1]):
        raise DamagedError(f"{name} is not as it was written")
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        raise DamagedError(f"{name} is no JSON") from None
    if not isinstance(members, dict):
        raise DamagedError(f"{name} is no JSON object")
    return members


def _plain(value: Any, contents: _Contents) -> Any:
    """*value* as JSON has it: what JSON has not is an object whose only key begins with ``$``."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, bytearray)):
        if len(value) > _LARGE:
            return {"$content": contents.put(bytes(value))}
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, list):
        return [_plain(item, contents) for item in value]
    if isinstance(value, (set, frozenset)):
        return {"$set": sorted((_plain(item, contents) for item in value), key=repr)}
    if isinstance(value, tuple):
        return {"$tuple": [_plain(item, contents) for item in value]}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: _plain(item, contents) for key, item in value.items()}
        return {"$pairs": [[_plain(key, contents), _plain(item, contents)] for key, item in value.items()]}
    raise TypeError(f"a {type(value).__qualname__} is no data")


def _value(plain: Any, contents: Path, where: str) -> Any:
    if isinstance(plain, list):
        return [_value(item, contents, where) for item in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"$content": str(name)}:
            return _content(contents, name, where)
        case {"$bytes": str(text)}:
            return base64.b64decode(text)
        case {"$time": str(text)}:
            return datetime.fromisoformat(text)
        case {"$tuple": list(items)}:
            return tuple(_value(item, contents, where) for item in items)
        case {"$set": list(items)}:
            return {_value(item, contents, where) for item in items}
        case {"$pairs": list(pairs)}:
            return {_value(key, contents, where): _value(item, contents, where) for key, item in pairs}
    return {key: _value(item, contents, where) for key, item in plain.items()}


def _content(contents: Path, name: str, where: str) -> bytes:
    if not name.isalnum():
        raise DamagedError(f"{where} names no content")
    try:
        data = (contents / name).read_bytes()
    except FileNotFoundError:
        raise DamagedError(f"{CONTENTS}/{name} of {where} is missing") from None
    if _digest(data) != name:
        raise DamagedError(f"{CONTENTS}/{name} of {where} is not as it was written")
    return data
