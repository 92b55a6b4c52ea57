"""Any project: deployed, removed, begun."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import clear_errors, with_aws_options

if TYPE_CHECKING:
    from harness.settings import Settings


def deploy_any(
    settings: Settings,
    template: Path | None,
    stack: str | None,
    parameters: tuple[str, ...],
    allow_unsupported: bool,
    live: Path | None,
    dry_run: bool,
    given: Mapping[str, object],
) -> None:
    """Deploy the project in this folder; a stack that cannot be made ends the command with its reasons.

    Args:
        settings: of this command; with ``target`` aws, *given* is put on top.
        template: ``--template``; None: as the project's files say.
        stack: ``--stack``, the stack's name; None: as the project's files say.
        parameters: ``--parameter``, each ``NAME=VALUE``.
        allow_unsupported: leave out what is not emulated, and say so.
        live: ``--live``, the folder whose functions run from there; None: none do.
        dry_run: print what would change, and leave it so.
        given: options that only AWS has, by name: the account, the highest cost, the consent.
    """
    import boto3
    from rich.console import Console

    from harness.project.configuration import parameters_of, read_configuration
    from harness.project.plan import deploy_project, plan_project
    from harness.project.rehearsal import lines_of, rehearse_project
    from harness.targets import open_standing_target
    from harness.targets.address import dashboard_of

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if settings.target == "aws":
        settings = with_aws_options(settings, **given)
    with clear_errors():
        configuration = read_configuration(Path.cwd(), template, stack, parameters_of(parameters), allow_unsupported)
        with open_standing_target(settings) as place:
            session = boto3.Session()
            plan = plan_project(configuration, session, is_local=place.is_local, live=live)
            if dry_run or settings.target == "aws":
                for line in plan.lines():
                    console.print(f"  {line}")
            if dry_run:
                console.print("  requests that would change something, in this order:")
                for line in lines_of(rehearse_project(plan, session, is_local=place.is_local)):
                    console.print(f"    {line}")
                return
            if settings.target == "aws":
                _agree(settings, place, plan.by_the_hour())
            for deployed in deploy_project(
                plan, session, lambda line: console.print(f"  {line}"), is_local=place.is_local
            ):
                for key, value in deployed.outputs.items():
                    console.print(f"  {deployed.name}.{key} = {value}")
                for resource in deployed.resources.values():
                    if resource.type == "AWS::StepFunctions::StateMachine":
                        console.print(f"  {resource.logical_id}: {resource.physical_id}")
            if page := dashboard_of(place):
                console.print(f"Open {page} in a browser.")


def destroy_any(settings: Settings, stack: str | None, dry_run: bool, given: Mapping[str, object]) -> None:
    """Remove the stacks of the project in this folder, or the one that is named.

    Args:
        settings: of this command; with ``target`` aws, *given* is put on top.
        stack: the stack's name; None: those of the project in this folder.
        dry_run: print what would go, and leave it.
        given: options that only AWS has, by name.
    """
    import boto3
    from rich.console import Console

    from harness.project.configuration import read_configuration
    from harness.project.plan import destroy_project, plan_project
    from harness.targets import open_standing_target

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if settings.target == "aws":
        settings = with_aws_options(settings, **given)
    with clear_errors(), open_standing_target(settings):
        session = boto3.Session()
        names = [stack] if stack else []
        if not stack:
            configuration = read_configuration(Path.cwd())
            names = [configuration.stack]
            if configuration.is_cdk:
                names = [item.name for item in plan_project(configuration, session).stacks]
        if dry_run:
            for name in names:
                console.print(f"  would delete stack {name}")
            return
        destroy_project(names, session, lambda line: console.print(f"  {line}"))


def _agree(settings: Settings, place: object, by_the_hour: list[str]) -> None:
    """Have somebody agree to what a project costs on AWS.

    Raises:
        ValueError: it has what costs money by the hour, whose price is not known here.
        harness.cloud.consent.ConsentError: nobody agreed.
    """
    from harness.cloud.consent import require_consent
    from harness.cloud.estimate import Estimate
    from harness.targets.target import Target

    assert isinstance(place, Target)
    if by_the_hour:
        raise ValueError(
            f"{', '.join(by_the_hour)} cost money for as long as they are there, and nothing here knows how much: "
            "deploy this project to AWS with a tool of your own."
        )
    require_consent(place, settings, Estimate(()))


@click.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--scones", is_flag=True, help="Begin with the reference workload, Scones Unlimited's image classifier.")
def init(folder: Path, scones: bool) -> None:
    """Begin a project: a template with a function and a state machine, a test of it, pytest's configuration."""
    from harness.project.scaffold import scaffold
    from harness.scones.workload import copy_workload

    with clear_errors():
        for path in copy_workload(folder) if scones else scaffold(folder):
            click.echo(f"  wrote {path}")
    click.echo("now: pip install pytest; python -m pytest -m local")
