"""A seal on a file that a service writes by itself: whether it is as an orderly stop has left it.

A database changes while it is used, so it is sealed when it is closed, and the seal is taken off when it is opened.
After a crash there is none: what is found then, the checks of the database and of its rows find.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path


def seal(path: Path) -> None:
    """Note what *path* holds now; nothing where it is not there."""
    with contextlib.suppress(FileNotFoundError):
        digest = _digest(path)
        descriptor = os.open(_seal_of(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(digest)


def is_sealed(path: Path) -> bool | None:
    """Whether *path* is as it was sealed; None where it has no seal."""
    try:
        noted = _seal_of(path).read_bytes().decode("latin-1")
    except FileNotFoundError:
        return None
    return noted == _digest(path)


def take_off(path: Path) -> None:
    """Take the seal of *path* off, before it is changed."""
    _seal_of(path).unlink(missing_ok=True)


def _seal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
