"""Batch evaluations, run and planned."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.options import clear_errors, money_options, targeted, with_aws_options


@click.command()
@click.argument("source", default="", metavar="s3://BUCKET/KEY|DIR")
@click.option("--target", help="Where to run it.  [default: the emulator that runs for this folder, else a new one]")
@click.option("--model", help="As of demo.")
@click.option("--workflow", type=click.Choice(["nested", "inline"]), default="nested", show_default=True)
@click.option("--images", help="s3://BUCKET/PREFIX that a manifest's paths are below.  [default: beside the manifest]")
@click.option("--concurrency", type=click.IntRange(1, 10_000), default=4, show_default=True, help="Batches at a time.")
@click.option("--batch", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Images of a batch.")
@click.option("--tolerate", type=click.FloatRange(0, 100), default=5.0, show_default=True, help="% that may fail.")
@click.option("--output", type=click.Path(file_okay=False), default="evaluation-output", show_default=True)
@click.option("--against", type=click.Path(exists=True, dir_okay=False), help="evaluation.json of an earlier one.")
@click.option("--resume", is_flag=True, help="Go on with the one in --output: what is done is not done again.")
@money_options
def evaluate(
    source: str,
    target: str | None,
    model: str | None,
    workflow: str,
    images: str | None,
    concurrency: int,
    batch: int,
    tolerate: float,
    output: str,
    against: str | None,
    resume: bool,
    **given: object,
) -> None:
    """Evaluate the model on images, a Distributed Map running the workflow for each; write a report."""
    from rich.console import Console

    from harness.evaluation.batch import BatchOptions
    from harness.evaluation.command import EvaluateOptions, run_evaluate
    from harness.scones.demo import choose_model

    if not source and not resume:
        raise click.UsageError("name s3://BUCKET/KEY or a folder, or --resume")
    settings = with_aws_options(targeted(target), **given)
    with clear_errors():
        options = EvaluateOptions(
            root=Path.cwd(),
            source=source,
            output=Path(output),
            model=choose_model(model, Path.cwd()),
            workflow=workflow,
            batch=BatchOptions(concurrency, batch, tolerate),
            images=images,
            against=Path(against) if against else None,
            resume=resume,
        )
        result = run_evaluate(options, settings, Console(highlight=False))
    sys.exit(0 if result.batch.status == "SUCCEEDED" else 1)


@click.command()
@click.option("--items", type=click.IntRange(1), required=True, help="Images; 10_000_000 is a number.")
@click.option("--workflow", type=click.Choice(["nested", "inline", "express"]), help="One alone.  [default: all]")
@click.option("--concurrency", type=click.IntRange(1, 10_000), help="MaxConcurrency.  [default: proposed]")
@click.option("--batch", type=click.IntRange(1, 1_000), help="Images of a batch.  [default: proposed]")
@click.option("--instances", type=click.IntRange(1), help="Of the endpoint.  [default: proposed]")
@click.option("--inference-ms", type=click.FloatRange(0, min_open=True), help="Of the model, on one vCPU.")
@click.option("--memory-mb", type=click.IntRange(128, 10_240), default=256, show_default=True, help="Of a function.")
@click.option(
    "--unsure", type=click.FloatRange(0, 1), default=0.4, show_default=True, help="Share under the threshold."
)
@click.option("--start-rate", type=click.FloatRange(0, min_open=True), help="Your quota of StartExecution a second.")
@click.option("--transition-rate", type=click.FloatRange(0, min_open=True), help="Your quota of transitions a second.")
@click.option("--lambda-concurrency", type=click.IntRange(1), help="Your quota of Lambda's concurrency.")
@click.option("--simulate", "simulated", is_flag=True, help="Check the numbers by a simulation, scaled down.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulation.")
def plan(**given: object) -> None:
    """Compute how long a batch takes on AWS, what it costs, and what holds it up."""
    from rich.console import Console

    from harness.evaluation.plan_command import run_plan

    with clear_errors():
        run_plan(given, Console(highlight=False))
