"""Environments that stand in for SageMaker's framework containers."""

from __future__ import annotations

import click

from harness.commands.options import Commands, clear_errors, read_settings


@click.group(cls=Commands)
def sagemaker() -> None:
    """Prepare what SageMaker's jobs need here."""


@sagemaker.command()
@click.argument("framework", metavar="FRAMEWORK==VERSION")
@click.option("--python", help="Make the environment with this interpreter.  [default: this one]")
def prepare(framework: str, python: str | None) -> None:
    """Make a virtual environment that stands in for AWS's container of FRAMEWORK, e.g. sklearn==1.2-1."""
    from harness.emulator.sagemaker.prepare import prepare_environment

    with clear_errors():
        folder, version = prepare_environment(read_settings(), framework, python)
    click.echo(f"{folder} has {version}; jobs with that framework's image run in it from now on")
