"""State-machine coverage for people: a table in the terminal, a page in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from harness.reporting import page
from harness.reporting.verdict import Finding, Verdict, judge
from harness.reporting.words import share
from harness.testing.asl_coverage import KINDS, MachineCoverage
from harness.testing.asl_graph import graphs

_STYLE = """
.drawing { overflow: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.machine { max-width: 100%; height: auto; display: block; margin: .6rem auto; }
.machine text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: var(--text); text-anchor: middle; }
.machine .told { font-size: 12px; } .machine marker path { fill: var(--soft); }
.machine rect { fill: var(--raised); stroke: var(--soft); }
.machine .hit rect { fill: var(--good-tint); stroke: var(--good); }
.machine .missed rect { fill: var(--bad-tint); stroke: var(--bad); stroke-width: 2.5; stroke-dasharray: 6 4; }
.machine .edge path { fill: none; stroke: var(--good); stroke-width: 1.6; marker-end: url(#tip); }
.machine .edge.missed path { stroke: var(--bad); stroke-width: 2.2; stroke-dasharray: 6 4; }
.machine .edge rect.words { fill: var(--card); stroke: none; } .cards td:nth-child(2) { overflow-wrap: break-word; }
.machine .edge text { font-size: 12px; fill: var(--soft); }
.machine .edge.missed text { fill: var(--bad); font-weight: 600; }
@media screen and (max-width: 44rem) { .machine { max-width: none; } }
@media print { .machine { max-height: 22cm; width: 100%; } }
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


def verdict(coverages: Sequence[MachineCoverage], least: float | None = None) -> Verdict:
    """Whether enough was exercised. *least*: percent of each machine's parts, where that was asked for."""
    rule = "watch where a part of a state machine was never exercised"
    if least is not None:
        rule = f"fail where less than {least:g} % of a state machine's parts were exercised; {rule}"
    if not coverages:
        return judge([Finding("fail", "No state machine ran on a target with an emulator.")], rule)
    findings = []
    for each in coverages:
        parts = len(each.counts)
        words = f"{each.machine}: {share(parts - len(each.missed), parts)} parts exercised."
        fails = least is not None and each.percent < least
        findings.append(Finding("fail" if fails else "watch" if each.missed else "pass", words))
    return judge(findings, rule)


def write_html(coverages: Sequence[MachineCoverage], path: Path, least: float | None = None) -> None:
    """Write the page; its folder is made.

    Args:
        coverages: a state machine each.
        path: of the page.
        least: percent of each machine's parts that must have run; None: no number was asked for.
    """
    parts = [page.begin("State-machine coverage", datetime.now(UTC), "", verdict(coverages, least), _STYLE)]
    for coverage in coverages:
        cells = [
            (f"{hit:,} of {total:,}", _plural(kind), "")
            for kind in KINDS
            for hit, total in [coverage.share(kind)]
            if total
        ]
        parts += [f"<h2>{escape(coverage.machine)}</h2>", page.totals(cells)]
        for number, (title, drawing) in enumerate(graphs(coverage)):
            if number:
                parts.append(f"<h3>{escape(title)}</h3>")
            parts.append(f'<div class="drawing" tabindex="0" role="group" aria-label="{escape(title)}">{drawing}</div>')
        lines: list[tuple[str, list[str | page.Cell]]] = [
            (
                "" if count else "wrong",
                [
                    page.Cell("✓ hit" if count else "✕ missed", "good" if count else "bad"),
                    item.kind,
                    item.state,
                    item.which,
                    f"{count:,}",
                ],
            )
            for item, count in sorted(coverage.counts.items(), key=lambda entry: bool(entry[1]))
        ]
        parts.append(page.table(("Result", "Part", "State", "Which", "Times"), lines, numbers=(4,)))
    page.write(path, "\n".join([*parts, page.end()]))


def _plural(kind: str) -> str:
    return f"{kind}es" if kind.endswith("ch") else f"{kind}s"
