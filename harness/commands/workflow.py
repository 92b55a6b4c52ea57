"""The workflow: shown, deployed, looked at, removed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import (
    aws_options,
    clear_errors,
    read_settings,
    targeted,
    with_aws_options,
)
from harness.commands.project import deploy_any, destroy_any
from harness.project.configuration import require_readable
from harness.scones.workload import is_reference_workload

if TYPE_CHECKING:
    from harness.settings import Settings


def _image_options(command: Callable[..., None]) -> Callable[..., None]:
    """Where the images come from."""
    source = click.option(
        "--source",
        default="synthetic",
        show_default=True,
        help="Without --data, take images from here: synthetic, cifar100, or the URL or path of an archive.",
    )
    data = click.option(
        "--data",
        type=click.Path(exists=True, file_okay=False),
        help="Take images from a folder with train.lst, test.lst, train/, test/.",
    )
    return data(source(command))


@click.command()
@_image_options
@click.option(
    "--executions", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Run so many executions."
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Draw images, and choose among them, by this seed."
)
@click.option(
    "--model",
    help="Serve this model.tar.gz, or: stub.  [default: the one in fixtures/, if it can be served]",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False),
    default="demo-output",
    show_default=True,
    help="Write plots and report to this folder.",
)
def demo(data: str | None, source: str, executions: int, seed: int, model: str | None, output: str) -> None:
    """Run the whole workflow: images, endpoint, functions, state machine, plots, clean-up."""
    from rich.console import Console

    from harness.scones.demo import DemoOptions, choose_model, run_demo
    from harness.scones.workload import workload_folder

    with clear_errors():
        root = workload_folder(Path.cwd())
        options = DemoOptions(
            root=root,
            output=Path(output),
            data=Path(data) if data else None,
            source=source,
            executions=executions,
            seed=seed,
            model=choose_model(model, root),
        )
        run_demo(options, read_settings(), Console(highlight=False))


@click.command()
@click.argument("template", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--stack", help="Give the stack this name.  [default: samconfig.toml's, pyproject.toml's, or the folder's]"
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the template. Can be repeated.",
)
@click.option("--allow-unsupported", is_flag=True, help="Leave out types of resources that are not emulated.")
@click.option("--target", help="Deploy to this target.  [default: the emulator that runs for this folder]")
@_image_options
@click.option(
    "--model", help="Serve this model.tar.gz, or: stub.  [default: the one in fixtures/, if it can be served]"
)
@click.option(
    "--live",
    type=click.Path(file_okay=False),
    help="Run functions from the folder that `up` was given as --live.",
)
@click.option(
    "--executions",
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="Run so many executions once it is deployed.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Draw images, and choose among them, by this seed."
)
@click.option("--page", help="Print this address of a page at the end.  [default: the dashboard's]")
@aws_options
@click.option("--dry-run", is_flag=True, help="Print what would be made, and on aws what it costs; make nothing.")
def deploy(
    template: Path | None,
    stack: str | None,
    parameters: tuple[str, ...],
    allow_unsupported: bool,
    target: str | None,
    data: str | None,
    source: str,
    model: str | None,
    live: str | None,
    executions: int,
    seed: int,
    page: str | None,
    dry_run: bool,
    **given: object,
) -> None:
    """Deploy a project, on a target that stays; what is there already stays as it is.

    TEMPLATE is one of SAM or CloudFormation, or what `cdk synth` has written; without it, what this folder has. In a
    folder of the reference workload, its workflow is deployed and its images are loaded.
    """
    with clear_errors():
        require_readable(Path.cwd())
        if live and not Path(live).is_dir():
            raise ValueError(f"--live {live}: there is no such folder")
    if template or stack or parameters or not is_reference_workload(Path.cwd()):
        folder = Path(live) if live else None
        deploy_any(targeted(target), template, stack, parameters, allow_unsupported, folder, dry_run, given)
        return

    from rich.console import Console

    from harness.scones.bring_up import BringUpOptions, bring_up
    from harness.scones.demo import DemoOptions, choose_model
    from harness.targets import open_standing_target

    settings = targeted(target)
    if settings.target == "aws":
        settings = with_aws_options(settings, model=model, data=data, **given)
        _deploy_on_aws(settings, source, seed, executions, dry_run)
        return
    with clear_errors():
        options = DemoOptions(
            root=Path.cwd(),
            output=Path(),
            data=Path(data) if data else None,
            source=source,
            executions=executions,
            seed=seed,
            model=choose_model(model, Path.cwd()),
        )
        with open_standing_target(settings) as place:
            wanted = BringUpOptions(options, Path(live) if live else None, page, dry_run)
            unforeseen = bring_up(wanted, settings, place, Console(highlight=False))
    sys.exit(1 if unforeseen else 0)


def _deploy_on_aws(settings: Settings, source: str, seed: int, executions: int, dry_run: bool) -> None:
    from rich.console import Console

    from harness.scones.aws.bring_up import bring_up_on_aws
    from harness.scones.demo import DemoOptions, execute, prepare_dataset
    from harness.targets import open_target

    console = Console(highlight=False)
    with clear_errors(), open_target(settings) as place:
        data = Path(settings.data) if settings.data else None
        options = DemoOptions(Path.cwd(), Path(), data, source, executions, seed)
        dataset, _ = prepare_dataset(options, settings, console)
        scones = bring_up_on_aws(place, settings, options.root, dataset, console, dry_run=dry_run)
        if scones is not None and executions:
            execute(options, scones, dataset, console)


@click.command()
@click.option("--target", help="Show the executions of this target.  [default: the emulator that runs for this folder]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8090,
    show_default=True,
    help="Listen on this port; 0 picks a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen on this address.")
@click.option("--control", is_flag=True, help="Let executions be started and faults be switched from the page.")
@click.option(
    "--allow-host", "hosts", multiple=True, help="Let browsers ask under this name, besides localhost. Can be repeated."
)
def dashboard(target: str | None, port: int, host: str, control: bool, hosts: tuple[str, ...]) -> None:
    """Serve a page that shows executions as they succeed and fail, and why; endpoints, captures, faults."""
    from harness.dashboard.server import serve
    from harness.targets import open_standing_target

    settings = targeted(target)
    with clear_errors(port), open_standing_target(settings) as place:
        serve(place, host, port, control=control, hosts=hosts)


@click.command()
@click.option("--stack", help="Remove this stack.  [default: the one that deploy makes]")
@click.option("--target", help="Remove it from this target.  [default: the emulator that runs for this folder]")
@click.option("--account", "aws_account", help="On aws: refuse any account but this one.")
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, delete nothing.")
def destroy(stack: str | None, target: str | None, dry_run: bool, **given: object) -> None:
    """Remove what deploy has made; of the reference workload, the endpoint first."""
    if stack or not is_reference_workload(Path.cwd()):
        destroy_any(targeted(target), stack, dry_run, given)
        return

    from rich.console import Console

    from harness.scones.bring_up import take_down
    from harness.targets import open_standing_target

    settings = targeted(target)
    if settings.target == "aws":
        from harness.scones.aws.bring_up import take_down_on_aws

        settings = with_aws_options(settings, **given)
        with clear_errors(), open_standing_target(settings) as place:
            take_down_on_aws(place, settings, Console(highlight=False), dry_run=dry_run)
        return
    with clear_errors(), open_standing_target(settings):
        take_down(settings, Path.cwd(), Console(highlight=False), dry_run=dry_run)


@click.command("sweep")
@click.option("--target", default="aws", show_default=True, help="Sweep this target; only what is on aws expires.")
@click.option("--account", "aws_account", help="Refuse any account but this one.")
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, delete nothing.")
def sweep_command(target: str, dry_run: bool, **given: object) -> None:
    """Remove from AWS what is past its expiry, whatever made it."""
    from rich.console import Console

    from harness.scones.aws.bring_up import sweep_aws
    from harness.targets import open_target

    settings = with_aws_options(targeted(target), **given)
    if target != "aws":
        raise click.BadParameter(f"{target!r}: only what is on aws expires", param_hint="--target")
    with clear_errors(), open_target(settings) as place:
        sweep_aws(place, Console(highlight=False), dry_run=dry_run)


@click.command("cost")
@click.option("--target", default="aws", show_default=True, help="Where to look; only what runs on aws costs.")
@click.option("--account", "aws_account", help="Refuse any account but this one.")
@click.option("--region", "regions", multiple=True, help="Look into this region alone; repeatable.  [default: all]")
def cost_command(target: str, regions: tuple[str, ...], **given: object) -> None:
    """Say what of ours runs on AWS now, in any region, what it costs an hour, and when it ends."""
    from rich.console import Console

    from harness.cloud.running import find_running, show_running
    from harness.project.session import SharedClients
    from harness.targets import open_target

    settings = with_aws_options(targeted(target), **given)
    if target != "aws":
        raise click.BadParameter(f"{target!r}: only what runs on aws costs", param_hint="--target")
    console = Console(highlight=False)
    with clear_errors(), open_target(settings):
        session = SharedClients()
        places = regions or tuple(session.get_available_regions("sagemaker"))
        show_running(find_running(session, places, lambda line: console.print(f"  {line}")), console)
