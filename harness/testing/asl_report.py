"""State-machine coverage for people: a table in the terminal, a page in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from harness.testing.asl_coverage import KINDS, MachineCoverage

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>State-machine coverage</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; margin: 0 0 2rem; }}
th, td {{ text-align: left; padding: .25rem .75rem; border-bottom: 1px solid #8886; vertical-align: top; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
tr.missed td {{ font-weight: 600; }}
tr.missed td:first-child::before {{ content: "\\2717\\00a0"; }}
tr.hit td:first-child::before {{ content: "\\2713\\00a0"; }}
</style></head><body>
<h1>State-machine coverage</h1>
{machines}
</body></html>
"""


def rows(coverages: Sequence[MachineCoverage]) -> list[str]:
    """Lines for a terminal: a line a machine, and below it what was missed."""
    width = max((len(coverage.machine) for coverage in coverages), default=0)
    lines = []
    for coverage in coverages:
        shares = "  ".join(
            f"{_plural(kind)} {hit}/{total}" for kind in KINDS for hit, total in [coverage.share(kind)] if total
        )
        lines.append(f"{coverage.machine:{width}}  {coverage.percent:5.1f} %  {shares}")
        lines.extend(f"  missed: {item}" for item in coverage.missed)
    return lines


def write_html(coverages: Sequence[MachineCoverage], path: Path) -> None:
    """Write the page; its folder is made."""
    parts = []
    for coverage in coverages:
        lines = "".join(
            f'<tr class="{"hit" if count else "missed"}"><td>{escape(item.kind)}</td><td>{escape(item.state)}</td>'
            f'<td>{escape(item.which)}</td><td class="number">{count}</td></tr>'
            for item, count in coverage.counts.items()
        )
        heads = '<th>Part</th><th>State</th><th>Which</th><th class="number">Times</th>'
        parts.append(
            f"<h2>{escape(coverage.machine)}: {coverage.percent:.1f} %</h2>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_PAGE.format(machines="".join(parts) or "<p>No executions.</p>"), encoding="utf-8")


def _plural(kind: str) -> str:
    return f"{kind}es" if kind.endswith("ch") else f"{kind}s"
