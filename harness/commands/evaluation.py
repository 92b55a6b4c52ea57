"""Batch evaluations, run and planned."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.options import clear_errors, money_options, targeted, with_aws_options


@click.command()
@click.argument("source", default="", metavar="s3://BUCKET/KEY|DIR")
@click.option(
    "--target", help="Run it on this target.  [default: the emulator that runs for this folder, else a new one]"
)
@click.option(
    "--model", help="Serve this model.tar.gz, or: stub.  [default: the one in fixtures/, if it can be served]"
)
@click.option(
    "--workflow",
    type=click.Choice(["nested", "inline"]),
    default="nested",
    show_default=True,
    help="Run each image as an execution of its own, or within its batch.",
)
@click.option(
    "--images", help="Find the images of a manifest below this s3://BUCKET/PREFIX.  [default: beside the manifest]"
)
@click.option(
    "--concurrency", type=click.IntRange(1, 10_000), default=4, show_default=True, help="Run so many batches at a time."
)
@click.option(
    "--batch", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Put so many images into a batch."
)
@click.option(
    "--tolerate",
    type=click.FloatRange(0, 100),
    default=5.0,
    show_default=True,
    help="Go on while at most this percentage of images fails.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False),
    default="evaluation-output",
    show_default=True,
    help="Write the report to this folder.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False),
    help="Compare with this evaluation.json of an earlier one.",
)
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
        raise click.UsageError("name s3://BUCKET/KEY or a folder of images, or go on with an earlier one: --resume")
    settings = with_aws_options(targeted(target), **given)
    with clear_errors():
        options = EvaluateOptions(
            root=Path.cwd(),
            source=source,
            output=Path(output),
            model=choose_model(model, Path.cwd()),
            named_model=model is not None,
            workflow=workflow,
            batch=BatchOptions(concurrency, batch, tolerate),
            images=images,
            against=Path(against) if against else None,
            resume=resume,
        )
        result = run_evaluate(options, settings, Console(highlight=False))
    sys.exit(0 if result.batch.status == "SUCCEEDED" else 1)


@click.command()
@click.option("--items", type=click.IntRange(1), required=True, help="Plan for so many images; 10_000_000 is a number.")
@click.option(
    "--workflow", type=click.Choice(["nested", "inline", "express"]), help="Plan this workflow alone.  [default: all]"
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 10_000),
    help="Set MaxConcurrency of the Distributed Map.  [default: proposed]",
)
@click.option("--batch", type=click.IntRange(1, 1_000), help="Put so many images into a batch.  [default: proposed]")
@click.option("--instances", type=click.IntRange(1), help="Give the endpoint so many instances.  [default: proposed]")
@click.option(
    "--inference-ms",
    type=click.FloatRange(0, min_open=True),
    help="Assume that an inference takes so many milliseconds on one vCPU.",
)
@click.option(
    "--memory-mb",
    type=click.IntRange(128, 10_240),
    default=256,
    show_default=True,
    help="Assume that each function has so many MB of memory.",
)
@click.option(
    "--unsure",
    type=click.FloatRange(0, 1),
    default=0.4,
    show_default=True,
    help="Assume that this share of images is under the threshold.",
)
@click.option(
    "--start-rate", type=click.FloatRange(0, min_open=True), help="Assume this quota of StartExecution a second."
)
@click.option(
    "--transition-rate",
    type=click.FloatRange(0, min_open=True),
    help="Assume this quota of state transitions a second.",
)
@click.option("--lambda-concurrency", type=click.IntRange(1), help="Assume this quota of Lambda's concurrency.")
@click.option("--simulate", "simulated", is_flag=True, help="Check the numbers by a simulation, scaled down.")
@click.option("--seed", type=int, default=0, show_default=True, help="Simulate with this seed.")
def plan(**given: object) -> None:
    """Compute how long a batch takes on AWS, what it costs, and what holds it up."""
    from rich.console import Console

    from harness.evaluation.plan_command import run_plan

    with clear_errors():
        run_plan(given, Console(highlight=False))
