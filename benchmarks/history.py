"""What was measured before: one line of JSON for each recorded run, so that a change is seen."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

HISTORY = Path(__file__).resolve().parent / "history.jsonl"
_TOLD = 1.25
"""By which factor a figure differs before the table shows it: less is the machine's noise."""


def flat(figures: Mapping[str, object], before: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers in *figures*, each named by its way there: ``at_once/executions_per_second``."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}/")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{before}{name}", float(value)


def append(figures: Mapping[str, object], path: Path = HISTORY) -> None:
    """Put *figures* into the history, with the commit they are of.

    Args:
        figures: of one run, its ``machine`` and ``short`` among them.
        path: the history.
    """
    commit = ""
    if shutil.which("git"):
        asked = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    line = {"at": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, **figures}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def last(figures: Mapping[str, object], path: Path = HISTORY) -> Mapping[str, object] | None:
    """Return the newest recorded run that can be compared: as short, on as many processors of the same kind."""
    if not path.exists():
        return None
    for line in reversed(path.read_text(encoding="utf-8").splitlines()):
        run: dict[str, object] = json.loads(line)
        if run.get("short") == figures["short"] and _machine(run) == _machine(figures):
            return run
    return None


def _machine(run: Mapping[str, object]) -> tuple[object, ...]:
    facts = run.get("machine")
    return tuple(facts.get(name) for name in ("processor", "processors")) if isinstance(facts, Mapping) else ()


def compare(console: Console, figures: Mapping[str, object], path: Path = HISTORY) -> None:
    """Print which figures have changed since the last recorded run on such a machine."""
    before = last(figures, path)
    if before is None:
        console.print("no recorded run on such a machine to compare with; --record makes one")
        return
    known = dict(flat(before))
    table = Table(title=f"Changed since {before['commit']} of {before['at']}", title_justify="left")
    for name in ("", "then", "now", "factor"):
        table.add_column(name, justify="right" if name else "left")
    for name, now in flat(figures):
        then = known.get(name, 0.0)
        if name.startswith("machine/") or then <= 0 or now <= 0 or 1 / _TOLD < now / then < _TOLD:
            continue
        table.add_row(name, f"{then:.3g}", f"{now:.3g}", f"{now / then:.2f}")
    console.print(
        table if table.row_count else f"nothing has changed by more than {_TOLD - 1:.0%} since {before['commit']}"
    )
