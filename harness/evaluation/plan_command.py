"""``harness plan``: the estimate in words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.evaluation.plan import WORKFLOWS, Estimate, Plan, estimate, scaled, transform
from harness.evaluation.quotas import AS_OF, PRICES, QUOTAS, Times

if TYPE_CHECKING:
    from rich.console import Console

_FACTOR = 20.0
"""By how much everything is scaled down for a simulation."""
_WORDS = {
    "nested": "each image an execution of the image workflow",
    "inline": "each image within its batch's execution",
    "express": "as inline, in Express workflows (not in template.yaml)",
}
_SHORT = {
    "Lambda (functions at a time)": "Lambda at a time",
    "Lambda (requests a second)": "Lambda requests",
    "S3 (GET requests of one prefix)": "S3 GET requests",
    "Map Run (child executions started)": "Map Run starts",
}


_Row = tuple[str, list[str], str | None]


def run_plan(given: Mapping[str, Any], console: Console) -> list[Estimate]:
    """Print the estimates of what *given*, the command's options, asks for.

    Raises:
        RuntimeError: a simulation is asked for and simpy is not installed.
    """
    wanted = [given["workflow"]] if given.get("workflow") else list(WORKFLOWS)
    estimates = [estimate(_plan(given, workflow)) for workflow in wanted]
    _show(estimates, console)
    if given.get("simulated"):
        for each in estimates:
            _simulate(each, int(given.get("seed") or 0), console)
    _show_numbers(console)
    return estimates


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} seconds"


def _plan(given: Mapping[str, Any], workflow: str) -> Plan:
    times = Times()
    if given.get("inference_ms"):
        times = replace(times, inference=given["inference_ms"] / 1000)
    quotas = {"start_rate": "starts", "transition_rate": "transitions", "lambda_concurrency": "functions"}
    return Plan(
        items=given["items"],
        workflow=workflow,
        concurrency=given.get("concurrency"),
        batch=given.get("batch"),
        instances=given.get("instances"),
        memory_gb=(given.get("memory_mb") or 256) / 1024,
        unsure=0.4 if given.get("unsure") is None else given["unsure"],
        times=times,
        **{name: given[option] for option, name in quotas.items() if given.get(option)},
    )


def _show(estimates: Sequence[Estimate], console: Console) -> None:
    """Print the alternatives side by side: a column each, batch transform the last."""
    items = estimates[0].plan.items
    instances = max(1, estimates[0].instances)
    seconds, dollars = transform(estimates[0].plan, instances)
    rows: list[_Row] = []

    def row(name: str, cells: Iterable[str], last: str = "", style: str | None = None) -> None:
        rows.append((name, [*cells, last], style))

    row("time", [duration(each.seconds) for each in estimates], duration(seconds), "bold")
    row("cost", [f"${each.cost:,.2f}" for each in estimates], f"${dollars:,.2f}", "bold")
    row(
        "  per 1,000 images",
        [f"${1000 * each.cost / items:.4f}" for each in estimates],
        f"${1000 * dollars / items:.4f}",
    )
    row("images a second", [f"{each.rate:,.0f}" for each in estimates], f"{items / seconds:,.0f}")
    row("MaxConcurrency", [f"{each.concurrency:,}" for each in estimates])
    row("images of a batch", [f"{each.batch:,}" for each in estimates])
    row("ml.m5.xlarge", [f"{each.instances:,}" for each in estimates], f"{instances:,}")
    row("images/s allowed by", [""] * len(estimates))
    for part in dict.fromkeys(_part(name) for each in estimates for name in each.rates):
        row(f"  {part}", [_rate(each, part) for each in estimates])
    row("dollars", [""] * len(estimates))
    for what in dict.fromkeys(_part(name) for each in estimates for name in each.costs):
        costs = [{_part(name): cost for name, cost in each.costs.items()}.get(what) for each in estimates]
        row(f"  {what}", ["" if cost is None else f"{cost:,.2f}" for cost in costs])
    _print(f"{items:,} images", [*(each.plan.workflow for each in estimates), "batch transform"], rows, console)
    console.print("  * holds it up", style="dim")
    for each in estimates:
        console.print(f"  {each.plan.workflow}: {_WORDS[each.plan.workflow]}; bottleneck: {each.bottleneck}")
    console.print(
        "  batch transform: predictions alone, without functions, threshold, retries of single images or histories"
    )


def _print(title: str, names: Sequence[str], rows: Sequence[_Row], console: Console) -> None:
    """Print a table; one whose columns do not fit beside each other in several, below each other.

    Args:
        title: above the first.
        names: of the columns, beside that of the rows' names.
        rows: name, cells and style of each.
        console: where it is printed.
    """
    from rich.table import Table

    widest = max(len(cell) for cell in (*names, *(cell for _, cells, _ in rows for cell in cells))) + 2
    fit = max(1, (console.width - max(len(name) for name, _, _ in rows) - 2) // widest)
    for start in range(0, len(names), len(names) if console.width >= 80 else fit):
        end = len(names) if console.width >= 80 else start + fit
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title, title_justify="left")
        table.add_column("", no_wrap=True)
        for name in names[start:end]:
            table.add_column(name, justify="right", no_wrap=True)
        for name, cells, style in rows:
            table.add_row(name, *cells[start:end], style=style)
        console.print(table)


def _part(name: str) -> str:
    """Return a part's name in short, the same for each alternative."""
    return _SHORT.get(name, name.partition(" (")[0].partition(",")[0])


def _rate(each: Estimate, part: str) -> str:
    rate = next((rate for name, rate in each.rates.items() if _part(name) == part), None)
    return "" if rate is None else f"{rate:,.0f}{' *' if _part(each.bottleneck) == part else '  '}"


def _simulate(each: Estimate, seed: int, console: Console) -> None:
    from harness.evaluation.simulate import simulate

    small = estimate(scaled(each, _FACTOR))
    found = simulate(small, seed)
    console.print(
        f"  {each.plan.workflow}, simulated at 1/{_FACTOR:g} of all quotas, {small.plan.items:,} images: "
        f"{duration(found.seconds)}, {found.seconds / small.seconds - 1:+.1%} against the closed form; "
        f"{found.throttled:,} calls throttled, "
        f"Lambda {found.functions_busy:.0%} and endpoint {found.endpoint_busy:.0%} busy"
    )


def _show_numbers(console: Console) -> None:
    console.rule("from", align="left")
    console.print(
        f"Numbers of {AS_OF}, us-east-1, seen in copies and quotations of the document beside each; new accounts have "
        "lower quotas."
    )
    for number in (*QUOTAS.values(), *PRICES.values()):
        value = f"{number.value:,g}" if number.value >= 1 else f"{number.value:.10f}".rstrip("0")
        unit = f" {number.unit}" if number.unit not in ("$", "") else ""
        doubt = "" if number.confirmed else f"  (not confirmed: {number.seen})"
        console.print(
            f"  {number.name}: {'$' if number.unit == '$' else ''}{value}{unit}  {number.document}{doubt}",
            soft_wrap=True,
        )
    console.print("Times: harness/evaluation/quotas.py, Times.")
