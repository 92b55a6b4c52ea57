"""An execution as a pytest test that repeats it, with the `run` fixture of the plugin."""

from __future__ import annotations

import json
import re
from pprint import pformat
from typing import Any

from harness.dashboard.views import ExecutionView

_VARIES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-|SdkHttpMetadata")
"""Times, request numbers and such: another run has others."""


class NoTest(ValueError):
    """The execution cannot be repeated by a test; the message says why."""


def test_of(view: ExecutionView, machine: str) -> str:
    """The text of a test that does what the execution did, and expects of it what came of that.

    Args:
        view: an execution that has ended.
        machine: the state machine's logical id in the project's template, or its ARN.

    Raises:
        NoTest: it still runs, or was stopped by somebody.
    """
    row = view.row
    if row.status not in ("SUCCEEDED", "FAILED"):
        raise NoTest(
            {
                "RUNNING": "It still runs: what is to be expected is known once it has ended.",
                "ABORTED": "Somebody stopped it: a test that starts it again would see it end in another way.",
            }.get(row.status, "It ran out of time: a test would wait for as long.")
        )
    given, longest = _literal(json.loads(view.input), 15), max(60, round(3 * (row.seconds or 0)))
    limit = f", timeout={longest}" if longest > 60 else ""
    waits = any(step.kind == "Wait" or len(step.attempts) > 1 for step in view.steps)
    clock = ", clock" if waits else ""  # then nobody waits: the test clock jumps
    lines = [
        f"def test_{re.sub(r'[^0-9a-zA-Z]+', '_', row.name).strip('_').lower()}(run{clock}):",
        f'    """Repeats the execution {re.sub(r"[^-_.0-9a-zA-Z]", "?", row.name)} of {row.machine}."""',
        f"    result = run({machine!r}, {given}{limit})",
        f"    assert result.status == {row.status!r}",
    ]
    if view.error:
        lines.append(f"    assert result.error == {view.error!r}")
    if row.status == "SUCCEEDED" and view.output and not _VARIES.search(view.output):
        lines.append(f"    assert result.output == {_literal(json.loads(view.output), 28)}")
    if view.steps and all(step.parent is None for step in view.steps):
        lines.append(f"    assert result.states == {_literal([step.name for step in view.steps], 28)}")
    head = "import pytest\n\npytestmark = pytest.mark.local\n\n\n"
    return head + "\n".join(lines) + "\n"


def _literal(value: Any, indent: int) -> str:
    return pformat(value, width=max(120 - indent, 60), sort_dicts=False).replace("\n", "\n" + " " * indent)
