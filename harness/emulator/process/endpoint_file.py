"""What a running emulator leaves on disk so that ``harness env`` finds it, and what it tells people."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_FILE = "emulator.json"


@contextlib.contextmanager
def announced(cache: Path, url: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Say in *cache* where the emulator answers, while the block lasts.

    Args:
        cache: the folder of the emulator's state, which ``harness env`` looks into.
        url: the emulator's address.
        environment: the ``AWS_*`` variables that lead to it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / _FILE
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps({"url": url, "pid": os.getpid(), "environment": dict(environment)}, indent=2))
    scratch.replace(path)
    try:
        yield
    finally:
        if (_read(path) or {}).get("pid") == os.getpid():
            path.unlink(missing_ok=True)


def find_announced(cache: Path) -> dict[str, str] | None:
    """Return the environment of the emulator that runs for this folder, or None when there is none."""
    said = _read(cache / _FILE)
    if said is None:
        return None
    try:
        os.kill(int(said["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {str(name): str(value) for name, value in said["environment"].items()}


def as_shell(environment: Mapping[str, str], shell: str) -> str:
    """Commands that set *environment* up in a shell, and put a profile aside that would outrank it.

    Args:
        environment: variables.
        shell: ``sh`` (bash, zsh), ``fish`` or ``json``.
    """
    if shell == "json":
        return json.dumps(dict(environment), indent=2)
    if shell == "fish":
        return "\n".join(
            ["set -e AWS_PROFILE;", *(f"set -gx {name} {shlex.quote(value)};" for name, value in environment.items())]
        )
    return "\n".join(
        ["unset AWS_PROFILE", *(f"export {name}={shlex.quote(value)}" for name, value in environment.items())]
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None
