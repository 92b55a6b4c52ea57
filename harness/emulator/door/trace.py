"""The trace that a request belongs to, and how often it has led through the same function.

Functions pass theirs on with every request of theirs (botocore does), SQS with every message. Lambda counts in it, as
AWS does, to cut loops.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Amzn-Trace-Id"
MOST = 16
"""How often a function may be in one chain of requests."""
_LINEAGE = "Lineage="
_CURRENT: ContextVar[str] = ContextVar("trace", default="")


def current() -> str:
    """Return the trace of the request that is being answered; empty where it has none."""
    return _CURRENT.get()


@contextmanager
def traced(header: str) -> Iterator[None]:
    """Have all that is done in the block belong to a trace."""
    token = _CURRENT.set(header)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def next_trace(before: str, arn: str) -> tuple[str, int]:
    """Return the trace of an invocation, not sampled, and how often the function was invoked in it before.

    Args:
        before: that of the request; empty for none.
        arn: of the function.
    """
    mine = hashlib.sha256(arn.encode()).hexdigest()[:8]
    counts = _counts(before)
    seen = counts.pop(mine, 0)
    root = next((part for part in before.split(";") if part.startswith("Root=")), None)
    root = root or f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    lineage = "|".join(f"1:{name}:{count}" for name, count in [*counts.items(), (mine, seen + 1)])
    return f"{root};Parent={secrets.token_hex(8)};Sampled=0;{_LINEAGE}{lineage}", seen


def _counts(trace: str) -> dict[str, int]:
    counts = {}
    text = next((part for part in trace.split(";") if part.startswith(_LINEAGE)), _LINEAGE)
    for entry in text.removeprefix(_LINEAGE).split("|"):
        parts = entry.split(":")
        if len(parts) == 3 and parts[2].isdigit():
            counts[parts[1]] = int(parts[2])
    return counts
