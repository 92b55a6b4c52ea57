"""The ``harness`` command: one thin function per sub-command; what they call is imported when they run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import __version__

if TYPE_CHECKING:
    from harness.settings import Settings
    from harness.testing.control import ControlApi


def _settings() -> Settings:
    from harness.settings import SettingsError, get_settings

    try:
        return get_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    """Show what a user can mend in one line; a traceback stays for what is our fault."""
    import errno

    try:
        yield
    except BrokenPipeError:
        raise  # who read our output has enough; click ends quietly
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(
                "the port is taken, perhaps by another emulator: stop that, or choose one with --port (0 picks)."
            ) from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise click.ClickException("this machine has no such address: leave --host out for 127.0.0.1.") from None
        raise click.ClickException(str(error)) from None
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "botocore":
            raise
        raise click.ClickException(str(error)) from None  # AWS's own words


@contextlib.contextmanager
def _bar(description: str) -> Iterator[Callable[[int, int | None], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(description, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _aws_options(command: Callable[..., None]) -> Callable[..., None]:
    """What says, on the aws target, how to train, whose money may be spent, and how much."""
    spot = click.option("--spot", is_flag=True, help="On aws: train on spare instances (managed spot training).")
    return _money_options(spot(command))


def _money_options(command: Callable[..., None]) -> Callable[..., None]:
    """What says, on the aws target, whose money may be spent, and how much."""
    for option in (
        click.option("--max-cost", type=click.FloatRange(0, min_open=True), help="On aws: at most so many USD."),
        click.option("--yes", is_flag=True, help="On aws: agree to the price; needs --max-cost and --account."),
        click.option("--account", "aws_account", help="On aws: the account that is meant."),
    ):
        command = option(command)
    return command


def _with_aws_options(settings: Settings, **given: object) -> Settings:
    from dataclasses import replace

    given = {name: value for name, value in given.items() if value not in (None, False)}
    if given.pop("yes", False):
        given["consent"] = "yes"
    if given.pop("spot", False):
        given["spot"] = "yes"
    return replace(settings, **given)  # type: ignore[arg-type]


def _refuse_dry_run(dry_run: bool) -> None:
    if dry_run:
        raise ValueError("--dry-run is for --target aws: on this machine nothing costs anything.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def main() -> None:
    """Run AWS machine-learning workflows on this machine, with unmodified code."""


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one.  [default: 4566]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--services", help="Comma-separated services to run here, e.g. lambda,sagemaker.  [default: all]")
@click.option(
    "--state",
    type=click.Path(file_okay=False),
    help="Keep buckets, functions, models, jobs, endpoints in this folder.  [default: forget]",
)
@click.option(
    "--live",
    type=click.Path(exists=True, file_okay=False),
    help="Functions with code s3://hot-reload/FOLDER run from this folder's FOLDER, as it is.",
)
def up(port: int | None, host: str | None, services: str | None, state: str | None, live: str | None) -> None:
    """Start the emulator and run until Ctrl-C."""
    from harness.dashboard.mount import MountedDashboard
    from harness.emulator.foreground import run_in_foreground

    settings = _settings()
    names = frozenset(name.strip() for name in services.split(",")) if services else None
    with _clear_errors():
        run_in_foreground(
            host=host or settings.host,
            port=settings.port if port is None else port,
            settings=settings,
            services=names,
            state=Path(state) if state else None,
            live=Path(live) if live else None,
            page=MountedDashboard.beside if names is None else None,
        )


@main.command()
@click.option("--shell", type=click.Choice(["sh", "fish", "json"]), default="sh", show_default=True)
def env(shell: str) -> None:
    """Print what leads a shell to the running emulator: eval "$(harness env)"."""
    from harness.emulator.announcement import as_shell, find_announced

    environment = find_announced(_settings().cache)
    if environment is None:
        raise click.ClickException("no emulator runs for this folder: start one with `harness up`.")
    click.echo(as_shell(environment, shell))


@main.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False), help="A folder with train.lst, test.lst, train/, test/."
)
@click.option(
    "--source",
    default="synthetic",
    show_default=True,
    help="Where images come from without --data: synthetic, cifar100, or the URL or path of an archive.",
)
@click.option("--executions", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the drawings and of the choice of images.")
@click.option(
    "--model",
    help="The model.tar.gz that the endpoint serves, or: stub.  [default: the one in fixtures/, if it can be served]",
)
@click.option("--output", type=click.Path(file_okay=False), default="demo-output", show_default=True)
def demo(data: str | None, source: str, executions: int, seed: int, model: str | None, output: str) -> None:
    """Run the whole workflow: images, endpoint, functions, state machine, plots, clean-up."""
    from rich.console import Console

    from harness.workflow.demo import DemoOptions, choose_model, run_demo

    with _clear_errors():
        options = DemoOptions(
            root=Path.cwd(),
            output=Path(output),
            data=Path(data) if data else None,
            source=source,
            executions=executions,
            seed=seed,
            model=choose_model(model, Path.cwd()),
        )
        run_demo(options, _settings(), Console(highlight=False))


@main.command()
@click.option("--target", help="Where to deploy.  [default: the emulator that runs for this folder]")
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="As of demo.")
@click.option("--source", default="synthetic", show_default=True, help="As of demo.")
@click.option("--model", help="As of demo.")
@click.option("--live", type=click.Path(exists=True, file_okay=False), help="The folder that `up` was given as --live.")
@click.option(
    "--executions", type=click.IntRange(0, 10_000), default=0, show_default=True, help="To run once it is deployed."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--page", help="Address of a page that shows the executions, to be printed at the end.")
@_aws_options
@click.option("--dry-run", is_flag=True, help="On aws: print what would be made and what it costs, make nothing.")
def deploy(
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
    """Deploy the workflow and load its images, on a target that stays; what is there already stays as it is."""
    from dataclasses import replace

    from rich.console import Console

    from harness.targets import open_standing_target
    from harness.workflow.bring_up import BringUpOptions, bring_up
    from harness.workflow.demo import DemoOptions, choose_model

    settings = _settings()
    if target:
        settings = replace(settings, target=target)
    if settings.target == "aws":
        settings = _with_aws_options(settings, model=model, data=data, **given)
        _deploy_on_aws(settings, source, seed, executions, dry_run)
        return
    with _clear_errors():
        _refuse_dry_run(dry_run)
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
            wanted = BringUpOptions(options, Path(live) if live else None, page)
            unforeseen = bring_up(wanted, settings, place, Console(highlight=False))
    sys.exit(1 if unforeseen else 0)


@main.command()
@click.option("--target", help="Whose executions to show.  [default: the emulator that runs for this folder]")
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 picks a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--control", is_flag=True, help="Let executions be started and faults be switched from the page.")
@click.option(
    "--allow-host", "hosts", multiple=True, help="A name, besides localhost, under which browsers may ask; repeatable."
)
def dashboard(target: str | None, port: int, host: str, control: bool, hosts: tuple[str, ...]) -> None:
    """Serve a page that shows executions as they succeed and fail, and why; endpoints, captures, faults."""
    from dataclasses import replace

    from harness.dashboard.server import serve
    from harness.targets import open_standing_target

    settings = _settings()
    if target:
        settings = replace(settings, target=target)
    with _clear_errors(), open_standing_target(settings) as place:
        serve(place, host, port, control=control, hosts=hosts)


@main.command()
@click.option("--target", help="Where it is deployed.  [default: the emulator that runs for this folder]")
@click.option("--account", "aws_account", help="On aws: the account that is meant.")
@click.option("--dry-run", is_flag=True, help="On aws: print what would be deleted, delete nothing.")
def destroy(target: str | None, dry_run: bool, **given: object) -> None:
    """Remove what deploy has made, the endpoint first."""
    from dataclasses import replace

    from rich.console import Console

    from harness.targets import open_standing_target
    from harness.workflow.bring_up import take_down

    settings = _settings()
    if target:
        settings = replace(settings, target=target)
    if settings.target == "aws":
        from harness.workflow.bring_up_aws import take_down_on_aws

        settings = _with_aws_options(settings, **given)
        with _clear_errors(), open_standing_target(settings) as place:
            take_down_on_aws(place, settings, Path.cwd(), Console(highlight=False), dry_run=dry_run)
        return
    with _clear_errors(), open_standing_target(settings):
        _refuse_dry_run(dry_run)
        take_down(settings, Path.cwd(), Console(highlight=False))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--target", help="Where AWS answers.  [default: the emulator that runs for this folder, else a new one]")
@click.option("--output", type=click.Path(dir_okay=False), help="Executed notebook.  [default: NAME.executed.ipynb]")
def run(script: str, arguments: tuple[str, ...], target: str | None, output: str | None) -> None:
    """Run a Python SCRIPT or notebook, unmodified, against a target."""
    from dataclasses import replace

    from harness.scripts import run_notebook, run_script, target_environment

    settings = _settings()
    if target:
        settings = replace(settings, target=target)
    if settings.target == "aws":
        raise click.ClickException("what a script costs on AWS nobody can tell: run it there with python itself.")
    path = Path(script)
    with _clear_errors(), target_environment(settings) as (environment, where):
        click.echo(f"running {path} against {where}", err=True)
        if path.suffix != ".ipynb":
            code = run_script(path, arguments, environment)
        else:
            executed = Path(output) if output else path.with_suffix(".executed.ipynb")
            failure = run_notebook(
                path, executed, environment, lambda cell, count: click.echo(f"cell {cell} of {count}", err=True)
            )
            click.echo(f"wrote {executed}", err=True)
            if failure is not None:
                click.echo(failure, err=True)
            code = 1 if failure is not None else 0
    sys.exit(code)


@main.command()
@click.argument("exports", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@click.option("--record", "execution_arn", help="Instead of comparing, write this execution to --output.")
@click.option("--output", type=click.Path(dir_okay=False), help="File for --record.  [default: NAME.json]")
def parity(exports: tuple[str, ...], execution_arn: str | None, output: str | None) -> None:
    """Replay executions that AWS's console exported, and compare their histories event by event."""
    import json

    import boto3

    from harness.parity.compare import differences
    from harness.parity.export import read_export, record
    from harness.parity.replay import replay
    from harness.targets import open_target
    from harness.testing.control import ControlApi

    if execution_arn:
        with _clear_errors():
            document = record(boto3.client("stepfunctions"), execution_arn)
            path = Path(output or f"{execution_arn.rpartition(':')[2]}.json")
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        click.echo(f"wrote {path}: {len(document['historyHash'])} events")
        return
    if not exports:
        raise click.UsageError("name an export, or an execution with --record")
    if _settings().target == "aws":
        raise click.ClickException("executions are replayed on this machine: unset HARNESS_TARGET.")
    different = 0
    with _clear_errors(), open_target(_settings()) as target:
        assert target.control_url is not None
        states, iam = boto3.client("stepfunctions"), boto3.client("iam")
        control = ControlApi(target.control_url)
        for name in exports:
            recorded = read_export(Path(name))
            found = differences(recorded.events, replay(recorded, states, iam, control))
            different += bool(found)
            click.echo(f"{name}: {len(recorded.events)} events, {len(found) or 'no'} differences")
            for line in found:
                click.echo(f"  {line}")
    sys.exit(1 if different else 0)


@main.command()
@click.option("--role", help="This role's policy alone.")
def policy(role: str | None) -> None:
    """Print the smallest policies that what functions and state machines called so far needs, by role."""
    import json

    policies = _running_control().get("policies")["policies"]
    if role is not None and role not in policies:
        known = ", ".join(policies) or "none yet"
        raise click.ClickException(f"no calls by role {role!r} were seen; roles that called: {known}.")
    click.echo(json.dumps(policies if role is None else policies[role], indent=2))


@main.group()
def fault() -> None:
    """Faults on demand, in the emulator that runs for this folder."""


def _running_control() -> ControlApi:
    from harness.emulator.announcement import find_announced
    from harness.testing.control import ControlApi

    environment = find_announced(_settings().cache)
    if environment is None:
        raise click.ClickException("no emulator runs for this folder: start one with `harness up`.")
    return ControlApi(environment["AWS_ENDPOINT_URL"])


@fault.command("add")
@click.option("--function", help="Strike this function; * for all.")
@click.option("--endpoint", help="Strike this endpoint.")
@click.option("--bucket", help="Strike this bucket.")
@click.option("--state", help="Strike this state, or MACHINE/STATE.")
@click.option("--error", help="Error code, or a state's error name; another name is one that the function raises.")
@click.option("--message", help="The error's message, or a state's cause.")
@click.option("--status", type=int, help="HTTP status.  [default: the error's]")
@click.option("--latency", help='Seconds, or as JSON: {"uniform": [0.1, 0.5]}, exponential, lognormal.')
@click.option("--truncate", type=int, help="Let so many bytes of the answer through.")
@click.option("--kill", is_flag=True, help="Kill the process that answers, mid-request.")
@click.option("--times", type=int, help="Strike the first so many calls.  [default: all]")
@click.option("--fraction", type=float, help="Strike this share of calls, 0 to 1.")
@click.option("--seed", type=int, help="Of the choice of calls and of latencies.")
@click.option("--prefix", help="Of the keys in a bucket.")
def fault_add(latency: str | None, **given: object) -> None:
    """Put a fault in force."""
    import json

    wanted = {name: value for name, value in given.items() if value not in (None, False)}
    if latency is not None:
        try:
            wanted["latency"] = json.loads(latency)
        except ValueError:
            raise click.BadParameter(f"{latency!r}: expected seconds, or a distribution as JSON") from None
    with _clear_errors():
        click.echo(f"fault {_running_control().post('faults', wanted)['id']} is in force")


@fault.command("list")
def fault_list() -> None:
    """Show the faults in force, and what they struck."""
    described = _running_control().get("faults")
    for item in described["faults"]:
        click.echo(" ".join(f"{name}={value}" for name, value in item.items()))
    for entry in described["log"]:
        click.echo("  " + " ".join(f"{name}={value}" for name, value in entry.items()))
    if not described["faults"]:
        click.echo("no faults are in force")


@fault.command("clear")
@click.argument("number", type=int, required=False)
def fault_clear(number: int | None) -> None:
    """End one fault, or all of them."""
    with _clear_errors():
        _running_control().delete("faults" if number is None else f"faults/{number}")


@main.group()
def dataset() -> None:
    """Extract, transform, load - or synthesize - the CIFAR-100 vehicles."""


@dataset.command("synthesize")
@click.argument("archive", type=click.Path(dir_okay=False), default=".harness/synthetic.tar.gz")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--train", "train_per_class", type=click.IntRange(1), default=500, show_default=True, help="Images a class."
)
@click.option(
    "--test", "test_per_class", type=click.IntRange(1), default=100, show_default=True, help="Images a class."
)
def dataset_synthesize(archive: str, seed: int, train_per_class: int, test_per_class: int) -> None:
    """Draw bicycles and motorcycles into ARCHIVE, in the form of CIFAR-100's."""
    from harness.workflow.dataset.synthesize import synthesize

    with _clear_errors(), _bar("Drawing") as update:
        path = synthesize(
            Path(archive), seed=seed, train_per_class=train_per_class, test_per_class=test_per_class, progress=update
        )
    click.echo(f"wrote {path}")


@dataset.command("extract")
@click.argument("archive", type=click.Path(dir_okay=False), default=".harness/cifar-100-python.tar.gz")
@click.option("--source", help="URL, or path of an archive.  [default: CIFAR-100 at the University of Toronto]")
@click.option("--md5", help="Checksum to expect.  [default: the published one for the default source]")
def dataset_extract(archive: str, source: str | None, md5: str | None) -> None:
    """Fetch CIFAR-100's python archive to ARCHIVE, going on where an earlier try broke off."""
    from harness.workflow.dataset.download import CIFAR_100_URL, extract

    with _clear_errors(), _bar("Fetching") as update:
        path = extract(source or CIFAR_100_URL, Path(archive), md5=md5, progress=update)
    click.echo(f"{path} is complete")


@dataset.command("transform")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(file_okay=False))
def dataset_transform(archive: str, folder: str) -> None:
    """Write the vehicles of ARCHIVE to FOLDER, as PNG files and manifests."""
    from harness.workflow.dataset.archive import read_archive
    from harness.workflow.dataset.transform import transform

    with _clear_errors():
        made = transform(read_archive(Path(archive)), Path(folder))
    click.echo(f"wrote {len(made.train)} training and {len(made.test)} test images to {folder}")


@dataset.command("load")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("uri", metavar="s3://BUCKET[/PREFIX]")
def dataset_load(folder: str, uri: str) -> None:
    """Upload FOLDER to S3, only what changed."""
    import boto3

    from harness.workflow.dataset.load import load
    from harness.workflow.dataset.transform import from_folder

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise click.BadParameter(f"{uri!r}: expected s3://BUCKET or s3://BUCKET/PREFIX")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    with _clear_errors(), _bar("Loading") as update:
        report = load(from_folder(Path(folder)), boto3.client("s3"), bucket, prefix, progress=update)
    click.echo(f"uploaded {report.uploaded} files ({report.uploaded_bytes} bytes), {report.unchanged} were unchanged")


def _deploy_on_aws(settings: Settings, source: str, seed: int, executions: int, dry_run: bool) -> None:
    from rich.console import Console

    from harness.targets import open_target
    from harness.workflow.bring_up_aws import bring_up_on_aws
    from harness.workflow.demo import DemoOptions, execute, prepare_dataset

    console = Console(highlight=False)
    with _clear_errors(), open_target(settings) as place:
        data = Path(settings.data) if settings.data else None
        options = DemoOptions(Path.cwd(), Path(), data, source, executions, seed)
        dataset, _ = prepare_dataset(options, settings, console)
        scones = bring_up_on_aws(place, settings, options.root, dataset, console, dry_run=dry_run)
        if scones is not None and executions:
            execute(options, scones, dataset, console)


@main.command("sweep")
@click.option("--target", default="aws", show_default=True)
@click.option("--account", "aws_account", help="The account that is meant.")
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, delete nothing.")
def sweep_command(target: str, dry_run: bool, **given: object) -> None:
    """Remove from AWS what is past its expiry, whatever made it."""
    from dataclasses import replace

    from rich.console import Console

    from harness.targets import open_target
    from harness.workflow.bring_up_aws import sweep_aws

    settings = _with_aws_options(replace(_settings(), target=target), **given)
    if target != "aws":
        raise click.BadParameter(f"{target!r}: only what is on aws expires", param_hint="--target")
    with _clear_errors(), open_target(settings) as place:
        sweep_aws(place, Console(highlight=False), dry_run=dry_run)


@main.group()
def capture() -> None:
    """Data Capture's files, of an endpoint, an s3:// URI or a folder."""


def _capture_options(*, answers: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    options = [
        click.argument("location"),
        click.option("--target", help="Where AWS answers.  [default: the emulator that runs for this folder]"),
        click.option("--since", help="From this time on: 2026-01-31T13:00 (UTC), or 30m, 2h, 7d ago."),
        click.option("--until", help="Before this time."),
        click.option("--variant", "variants", multiple=True, help="Of this production variant. Can be repeated."),
    ]
    if answers:
        options += [
            click.option("--class", "classes", multiple=True, help="Predicted: name or number. Can be repeated."),
            click.option("--min-confidence", type=click.FloatRange(0, 1)),
            click.option("--max-confidence", type=click.FloatRange(0, 1)),
        ]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _targeted(target: str | None) -> Settings:
    from dataclasses import replace

    return replace(_settings(), target=target) if target else _settings()


@capture.command("list")
@_capture_options(answers=False)
@click.option("--files", "each", is_flag=True, help="Each file, not each hour.")
def capture_list(location: str, target: str | None, each: bool, **given: Any) -> None:
    """List the capture files of LOCATION, by hour and variant."""
    from rich.console import Console

    from harness.capture.commands import list_captures, opened, selection_of

    with _clear_errors(), opened(location, _targeted(target)) as (place, _):
        list_captures(place, selection_of(**given), Console(highlight=False), each=each)


@capture.command("download")
@_capture_options(answers=False)
@click.argument("folder", type=click.Path(file_okay=False))
def capture_download(location: str, target: str | None, folder: str, **given: Any) -> None:
    """Bring the capture files of LOCATION to FOLDER, those that are not there yet."""
    from harness.capture.commands import megabytes, opened, plural, selection_of
    from harness.capture.transfer import download

    with _clear_errors(), opened(location, _targeted(target)) as (place, _), _bar("Downloading") as update:
        done = download(place, Path(folder), selection_of(**given), progress=update)
    click.echo(
        f"downloaded {plural(done.files, 'file')} ({megabytes(done.bytes)}) to {folder}, {done.present} were there"
    )


@capture.command("tail")
@_capture_options(answers=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with what appears, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), default=10, show_default=True, help="Records to begin with.")
@click.option("--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds between looks.")
def capture_tail(location: str, target: str | None, follow: bool, lines: int, interval: float, **given: Any) -> None:
    """Show the latest records of LOCATION, by default of the last 24 hours; with --follow those to come as well."""
    from rich.console import Console

    from harness.capture.commands import opened, print_tail, selection_of

    if given["since"] is None and given["until"] is None:
        given["since"] = "24h"
    settings = _targeted(target)
    with _clear_errors(), opened(location, settings) as (place, _):
        print_tail(
            place,
            selection_of(**given),
            Console(highlight=False),
            Console(stderr=True, highlight=False),
            lines=lines,
            following=follow,
            threshold=settings.threshold,
            interval=interval,
        )


@capture.command("parse")
@_capture_options(answers=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="File to write.  [default: standard output]")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "parquet"]), help="[default: as OUTPUT ends]")
@click.option("--images", is_flag=True, help="With the input of each record, as it stands in it.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Of the column `passed`.  [default: the setting]")
@click.option("--processes", type=click.IntRange(1), help="That read a large folder.  [default: one a processor]")
def capture_parse(
    location: str,
    target: str | None,
    output: str | None,
    form: str | None,
    images: bool,
    threshold: float | None,
    processes: int | None,
    **given: Any,
) -> None:
    """Write the records of LOCATION as JSONL, CSV or Parquet, however many there are."""
    import os

    from rich.console import Console

    from harness.capture.commands import opened, parse, selection_of
    from harness.capture.export import format_of

    if output is None and form == "parquet":
        raise click.UsageError("Parquet goes to a file: name it with --output")
    settings = _targeted(target)
    with _clear_errors():
        chosen = format_of(Path(output), form) if output else form or "jsonl"
        with opened(location, settings) as (place, _), _bar("Parsing") as update:
            parse(
                place,
                selection_of(**given),
                Path(output) if output else None,
                chosen,
                threshold=settings.threshold if threshold is None else threshold,
                images=images,
                processes=processes or os.cpu_count() or 1,
                errors=Console(stderr=True, highlight=False),
                progress=update,
            )


@capture.command("sql")
@click.argument("what", type=click.Choice(["table", "hours", "classes", "histogram", "unsure", "unreadable"]))
@_capture_options(answers=True)
@click.option("--table", default="captures", show_default=True, help="The table's name.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="To be exceeded.  [default: the setting]")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Lines of `unsure`.")
@click.option("--run", is_flag=True, help="Print what DuckDB answers to the query over a folder, as CSV.")
def capture_sql(
    what: str,
    location: str,
    target: str | None,
    table: str,
    threshold: float | None,
    limit: int,
    run: bool,
    **given: Any,
) -> None:
    """Print Athena's table over the captures of LOCATION, or a query to it."""
    from rich.console import Console

    from harness.capture.commands import opened, print_sql, selection_of

    settings = _targeted(target)
    with _clear_errors(), opened(location, settings) as (place, endpoint):
        print_sql(
            what,
            place,
            endpoint,
            selection_of(**given),
            Console(highlight=False, markup=False, soft_wrap=True),
            table=table,
            threshold=settings.threshold if threshold is None else threshold,
            limit=limit,
            run=run,
        )


@main.command()
@_capture_options(answers=False)
@click.option("--labels", help="Images of known class: a folder, a .lst manifest or s3://bucket/prefix.")
@click.option("--train", help="The images that the model was trained on: a folder or s3://bucket/prefix.")
@click.option("--state-machine", help="Time the states of this one.  [default: the workflow's]")
@click.option("--executions", type=click.IntRange(1), default=100, show_default=True, help="The latest, to be timed.")
@click.option("--unsure", type=click.IntRange(0, 200), default=24, show_default=True, help="Least confident to show.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of samples and permutations.")
@click.option("-o", "--output", type=click.Path(file_okay=False), default="monitor-output", show_default=True)
def monitor(
    location: str,
    target: str | None,
    labels: str | None,
    train: str | None,
    state_machine: str | None,
    executions: int,
    unsure: int,
    seed: int,
    output: str,
    **given: Any,
) -> None:
    """Judge the captures of LOCATION (an endpoint, an s3:// URI or a folder) in a report with plots."""
    from rich.console import Console

    from harness.capture.commands import plural, selection_of
    from harness.capture.monitor_command import MonitorOptions, run_monitor

    console = Console(highlight=False)
    with _clear_errors():
        options = MonitorOptions(
            location=location,
            output=Path(output),
            selection=selection_of(**given),
            labels=labels,
            train=train,
            state_machine=state_machine,
            executions=executions,
            unsure=unsure,
            seed=seed,
        )
        written = run_monitor(options, _targeted(target), console, _bar)
    console.print(f"wrote {written[0]} and {plural(len(written) - 1, 'plot')}", soft_wrap=True)


@main.command()
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
@_money_options
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
    from harness.workflow.demo import choose_model

    if not source and not resume:
        raise click.UsageError("name s3://BUCKET/KEY or a folder, or --resume")
    settings = _with_aws_options(_targeted(target), **given)
    with _clear_errors():
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


@main.command()
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

    with _clear_errors():
        run_plan(given, Console(highlight=False))


if __name__ == "__main__":
    main()
