"""``harness plan``: the estimate in words and tables."""

from __future__ import annotations

from collections.abc import Mapping
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


def run_plan(given: Mapping[str, Any], console: Console) -> list[Estimate]:
    """Print the estimates of what *given*, the command's options, asks for.

    Raises:
        RuntimeError: a simulation is asked for and simpy is not installed.
    """
    wanted = [given["workflow"]] if given.get("workflow") else list(WORKFLOWS)
    estimates = [estimate(_plan(given, workflow)) for workflow in wanted]
    for each in estimates:
        _show(each, console)
        if given.get("simulated"):
            _simulate(each, int(given.get("seed") or 0), console)
    _show_transform(estimates[0], console)
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


def _show(each: Estimate, console: Console) -> None:
    from rich.table import Table

    plan = each.plan
    console.rule(f"{plan.workflow}: {_WORDS[plan.workflow]}", align="left")
    console.print(
        f"[bold]{plan.items:,} images in {duration(each.seconds)} for ${each.cost:,.2f}[/bold] "
        f"({each.rate:,.0f} images a second, ${1000 * each.cost / plan.items:.4f} per 1,000)"
    )
    console.print(f"  bottleneck: {each.bottleneck}")
    console.print(
        f"  MaxConcurrency {each.concurrency:,}, batches of {each.batch}, {each.instances} ml.m5.xlarge"
        f"{'' if each.instances == 1 else ' each'} for {duration(each.seconds)}"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column("images a second that each part allows")
    table.add_column("", justify="right")
    for name, rate in sorted(each.rates.items(), key=lambda item: item[1]):
        table.add_row(name, f"{rate:,.0f}")
    console.print(table)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column("dollars")
    table.add_column("", justify="right")
    for name, cost in each.costs.items():
        table.add_row(name, f"{cost:,.2f}")
    console.print(table)


def _simulate(each: Estimate, seed: int, console: Console) -> None:
    from harness.evaluation.simulate import simulate

    small = estimate(scaled(each, _FACTOR))
    found = simulate(small, seed)
    console.print(
        f"  simulated at 1/{_FACTOR:g} of all quotas, {small.plan.items:,} images: {duration(found.seconds)}, "
        f"{found.seconds / small.seconds - 1:+.1%} against the closed form; {found.throttled:,} calls throttled, "
        f"Lambda {found.functions_busy:.0%} and endpoint {found.endpoint_busy:.0%} busy"
    )


def _show_transform(each: Estimate, console: Console) -> None:
    instances = max(1, each.instances)
    seconds, dollars = transform(each.plan, instances)
    console.rule("instead: SageMaker batch transform", align="left")
    console.print(
        f"{each.plan.items:,} images in {duration(seconds)} for ${dollars:,.2f} on {instances} ml.m5.xlarge: "
        "predictions alone, without functions, threshold, retries of single images or histories."
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
