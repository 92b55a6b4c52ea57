"""How values are written on the page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from harness.dashboard.images import kind_of
from harness.scones.dataset import CLASS_NAMES

_LONGEST = 160
"""Characters of a text inside shown data; the rest is told as a number, and all of it is a link away."""
_LARGEST_PICTURE = 64_000

STATUS_WORDS = {
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timed out",
    "ABORTED": "stopped",
    "CAUGHT": "failed, and was caught",
    "NOT_REACHED": "not reached",
}


def seconds(value: float | None) -> str:
    """``23 ms``, ``4.2 s``, ``3 min 20 s``; nothing for None."""
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.001 or value <= 0 else "under 1 ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(value: datetime) -> str:
    """``2026-01-31 12:00:00 UTC``."""
    from datetime import UTC

    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shortened(text: str) -> str:
    """Shorten a text that may be long, to fit in a line."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def many(number: int, word: str) -> str:
    """``1 execution``, ``1,000 executions``."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def data(text: str) -> str:
    """JSON with line breaks and long texts shortened; other text as it is, shortened."""
    try:
        return json.dumps(_shortened(json.loads(text)), indent=2, ensure_ascii=False)
    except ValueError:
        return text if len(text) <= 20 * _LONGEST else f"{text[: 20 * _LONGEST]}… ({len(text):,} characters)"


def editable(text: str) -> str:
    """JSON with line breaks, whole; other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def pictures_in(text: str) -> list[str]:
    """Return the pictures that are written in JSON as base64, as ``data:`` addresses."""
    try:
        document = json.loads(text)
    except ValueError:
        return []
    found = []
    for value in _texts(document):
        if not 100 < len(value) < _LARGEST_PICTURE or not value.startswith(("iVBORw0KGgo", "/9j/")):
            continue
        try:
            kind = kind_of(base64.b64decode(value, validate=True))
        except ValueError:
            continue
        if kind:
            found.append(f"data:{kind};base64,{value}")
    return list(dict.fromkeys(found))[:4]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value.startswith("{"):  # functions hand JSON on as text
            try:
                yield from _texts(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value[:50]:
            yield from _texts(member)


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:60]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return {name: _shortened(member) for name, member in value.items()}
    if isinstance(value, list):
        if len(value) > 100:
            return [*map(_shortened, value[:100]), f"… ({len(value):,} items)"]
        return [_shortened(member) for member in value]
    return value


def class_name(number: int, classes: int) -> str:
    """Say what a class is called, where the model has as many as the data set."""
    return CLASS_NAMES[number] if classes == len(CLASS_NAMES) else f"class {number}"
