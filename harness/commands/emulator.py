"""The emulator in the foreground, and what is asked of one that runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import clear_errors, read_settings, running_control


@click.command()
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
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="ARN=FOLDER",
    help="What stands for a layer of another account, by ARN or name: a folder, or a package on PyPI.",
)
@click.option("--allow-host", "hosts", multiple=True, help="A name, besides localhost, under which it may be asked.")
@click.option("--allow-origin", "origins", multiple=True, help="A web page's origin that may ask, as its CORS allows.")
def up(
    port: int | None,
    host: str | None,
    services: str | None,
    state: str | None,
    live: str | None,
    layers: tuple[str, ...],
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
) -> None:
    """Start the emulator and run until Ctrl-C."""
    from harness.dashboard.mount import MountedDashboard
    from harness.emulator.process.foreground import run_in_foreground

    settings = read_settings()
    names = frozenset(name.strip() for name in services.split(",")) if services else None
    with clear_errors():
        run_in_foreground(
            host=host or settings.host,
            port=settings.port if port is None else port,
            settings=settings,
            services=names,
            state=Path(state) if state else None,
            live=Path(live) if live else None,
            layers=layers,
            page=MountedDashboard.beside if names is None else None,
            hosts=hosts,
            origins=origins,
        )


@click.command()
@click.option("--shell", type=click.Choice(["sh", "fish", "json"]), default="sh", show_default=True)
def env(shell: str) -> None:
    """Print what leads a shell to the running emulator: eval "$(harness env)"."""
    from harness.emulator.process.endpoint_file import as_shell, find_announced

    environment = find_announced(read_settings().cache)
    if environment is None:
        raise click.ClickException("no emulator runs for this folder: start one with `harness up`.")
    click.echo(as_shell(environment, shell))


@click.command()
@click.option("--role", help="This role's policy alone.")
def policy(role: str | None) -> None:
    """Print the smallest policies that what functions and state machines called so far needs, by role."""
    import json

    policies = running_control().get("policies")["policies"]
    if role is not None and role not in policies:
        known = ", ".join(policies) or "none yet"
        raise click.ClickException(f"no calls by role {role!r} were seen; roles that called: {known}.")
    click.echo(json.dumps(policies if role is None else policies[role], indent=2))


@click.group()
def fault() -> None:
    """Faults on demand, in the emulator that runs for this folder."""


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
    with clear_errors():
        click.echo(f"fault {running_control().post('faults', wanted)['id']} is in force")


@fault.command("list")
def fault_list() -> None:
    """Show the faults in force, and what they struck."""
    described = running_control().get("faults")
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
    with clear_errors():
        running_control().delete("faults" if number is None else f"faults/{number}")
