"""Programs of the user's own, and executions that AWS ran."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import clear_errors, targeted

if TYPE_CHECKING:
    from harness.settings import Settings


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--target", help="Ask AWS at this target.  [default: the emulator that runs for this folder, else a new one]"
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="Write the executed notebook to this file.  [default: NAME.executed.ipynb]",
)
@click.option(
    "--set", "settings_of", multiple=True, metavar="NAME=VALUE", help="Set a parameter of a notebook. Can be repeated."
)
@click.option("--allow-errors", is_flag=True, help="Go on after a cell that fails.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="URL=FILE",
    help="Answer a download from a file; `synthesized` stands for a drawn CIFAR-100. Can be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Run here; then say what it would cost on AWS.")
def run(
    script: str,
    arguments: tuple[str, ...],
    target: str | None,
    output: str | None,
    settings_of: tuple[str, ...],
    allow_errors: bool,
    maps: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Run a Python SCRIPT or notebook, unmodified, against a target."""
    from harness.programs.downloads import answered_downloads, read_maps
    from harness.programs.scripts import run_script, target_environment

    parameters = {name: value for name, _, value in (given.partition("=") for given in settings_of)}
    if wrong := [given for given in settings_of if not given.partition("=")[0].isidentifier() or "=" not in given]:
        raise click.UsageError(f"--set takes NAME=VALUE, not {wrong[0]!r}")
    if (parameters or allow_errors) and not script.endswith(".ipynb"):
        raise click.UsageError("--set and --allow-errors are for notebooks")
    settings = targeted(target)
    if settings.target == "aws":
        raise click.ClickException("what a script costs on AWS nobody can tell: run it there with python itself.")
    path = Path(script)
    with (
        clear_errors(),
        target_environment(settings) as (environment, where),
        answered_downloads(read_maps(maps), environment) as (environment, asked),
        _priced(settings, environment) if dry_run else contextlib.nullcontext(),
    ):
        click.echo(f"running {path} against {where}", err=True)
        if path.suffix != ".ipynb":
            code = run_script(path, arguments, environment)
        else:
            executed = Path(output) if output else path.with_suffix(".executed.ipynb")
            code = _run_notebook(path, executed, environment, parameters, allow_errors, settings.account_id)
        for url, times in asked.items():
            click.echo(f"--map: {url} was asked for {times} time{'s' * (times != 1)}", err=True)
    sys.exit(code)


@contextlib.contextmanager
def _priced(settings: Settings, environment: Mapping[str, str]) -> Iterator[None]:
    """Look at what the program makes while the block lasts; at its end, print what that would cost on AWS."""
    from rich.console import Console

    from harness.programs.costs import priced, watched

    with watched(environment) as seen:
        yield
    estimate, unknown = priced(seen, settings)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.width = max(console.width, 120)
    if not estimate.lines and not unknown:
        console.print("on AWS: nothing that is billed by the hour was made")
        return
    console.print("on AWS this would cost, with the training time that is usual there:")
    estimate.show(console)
    for line in unknown:
        console.print(f"  not in it: {line}")
    hours = settings.lifetime_hours
    console.print(f"  An endpoint is billed until it is deleted; at most stands for {hours:g} hours of it.")
    console.print("  Functions, state machines, S3 and logs are billed by use: cents for a run like this one.")


def _run_notebook(
    path: Path,
    executed: Path,
    environment: Mapping[str, str],
    parameters: Mapping[str, str],
    allow_errors: bool,
    account: str,
) -> int:
    """Run a notebook, say what happens; return the exit code."""
    from harness.programs.notebooks import run_notebook

    failures = run_notebook(
        path,
        executed,
        environment,
        lambda cell, count: click.echo(f"cell {cell} of {count}", err=True),
        parameters,
        allow_errors,
        account,
    )
    click.echo(f"wrote {executed}", err=True)
    for failure in failures:
        click.echo(failure, err=True)
    return 1 if failures and not allow_errors else 0


@click.command()
@click.argument("exports", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@click.option("--record", "execution_arn", help="Instead of comparing, write this execution to --output.")
@click.option(
    "--output", type=click.Path(dir_okay=False), help="Write the recorded execution to this file.  [default: NAME.json]"
)
def parity(exports: tuple[str, ...], execution_arn: str | None, output: str | None) -> None:
    """Replay executions that AWS's console exported, and compare their histories event by event."""
    import json

    from harness.parity.compare import differences
    from harness.parity.export import read_export, record
    from harness.parity.replay import replay

    if execution_arn:
        import boto3

        with clear_errors():
            document = record(boto3.client("stepfunctions"), execution_arn)
            path = Path(output or f"{execution_arn.rpartition(':')[2]}.json")
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        click.echo(f"wrote {path}: {len(document['historyHash'])} events")
        return
    if not exports:
        raise click.UsageError("name an export, or an execution with --record")
    different = 0
    with clear_errors():
        for name in exports:
            recorded = read_export(Path(name))
            found = differences(recorded.events, replay(recorded))
            different += bool(found)
            count = f"{len(found)} difference{'s' * (len(found) != 1)}" if found else "no differences"
            click.echo(f"{name}: {len(recorded.events)} events, {count}")
            for line in found:
                click.echo(f"  {line}")
    sys.exit(1 if different else 0)
