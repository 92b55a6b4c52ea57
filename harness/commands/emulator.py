"""The emulator in the foreground, and what is asked of one that runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import Commands, clear_errors, read_settings, running_control


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port; 0 picks a free one.  [default: 4566]")
@click.option("--host", help="Listen on this address.  [default: 127.0.0.1]")
@click.option("--services", help="Run these services alone, separated by commas: lambda,sagemaker.  [default: all]")
@click.option(
    "--state",
    type=click.Path(file_okay=False),
    help="Keep buckets, functions, models, jobs, endpoints in this folder.  [default: forget]",
)
@click.option(
    "--live",
    type=click.Path(file_okay=False),
    help="Run functions whose code is s3://hot-reload/FOLDER from FOLDER in this folder, as it is edited.",
)
@click.option(
    "--allow-host", "hosts", multiple=True, help="Let it be asked under this name, besides localhost. Can be repeated."
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    help="Let web pages of this origin ask, as CORS rules allow. Can be repeated.",
)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="ARN=FOLDER",
    help="Let a folder, or a package on PyPI, stand for a layer of another account, by ARN or name. Can be repeated.",
)
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
    port = settings.port if port is None else port
    with clear_errors(port):
        run_in_foreground(
            host=host or settings.host,
            port=port,
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
@click.option(
    "--shell",
    type=click.Choice(["sh", "fish", "json"]),
    default="sh",
    show_default=True,
    help="Print it for this shell, or as JSON.",
)
def env(shell: str) -> None:
    """Print what leads a shell to the running emulator: eval "$(harness env)"."""
    from harness.emulator.process.endpoint_file import as_shell, find_announced

    environment = find_announced(read_settings().cache)
    if environment is None:
        raise click.ClickException("no emulator runs for this folder: start one with `harness up`.")
    click.echo(as_shell(environment, shell))


@click.command()
@click.option("--role", help="Print this role's policy alone.")
def policy(role: str | None) -> None:
    """Print the smallest policies that what functions and state machines called so far needs, by role."""
    import json

    policies = running_control().get("policies")["policies"]
    if role is not None and role not in policies:
        known = ", ".join(policies) or "none yet"
        raise click.ClickException(f"no calls by role {role!r} were seen; roles that called: {known}.")
    click.echo(json.dumps(policies if role is None else policies[role], indent=2))


@click.group(cls=Commands)
def fault() -> None:
    """Faults on demand, in the emulator that runs for this folder."""


@fault.command("add")
@click.option("--function", help="Strike this function, or * for all.")
@click.option("--endpoint", help="Strike this endpoint.")
@click.option("--bucket", help="Strike this bucket.")
@click.option("--state", help="Strike this state, or MACHINE/STATE.")
@click.option(
    "--error",
    help="Answer with this error code, or fail a state with this error; a function raises any other name.",
)
@click.option("--message", help="Give the error this message, or the state's failure this cause.")
@click.option("--status", type=int, help="Answer with this HTTP status.  [default: the error's]")
@click.option(
    "--latency",
    help='Wait so many seconds, or as JSON a distribution says: {"uniform": [0.1, 0.5]}, exponential, lognormal.',
)
@click.option("--truncate", type=int, help="Let so many bytes of the answer through.")
@click.option("--kill", is_flag=True, help="Kill the process that answers, mid-request.")
@click.option("--times", type=int, help="Strike the first so many calls.  [default: all]")
@click.option("--fraction", type=float, help="Strike this share of calls, 0 to 1.")
@click.option("--seed", type=int, help="Choose calls and latencies by this seed.")
@click.option("--prefix", help="Strike keys of a bucket with this prefix alone.")
@click.option("--force", is_flag=True, help="Strike a name although nothing is called so yet.")
def fault_add(latency: str | None, force: bool, **given: object) -> None:
    """Put a fault in force."""
    import json

    from harness.commands.fault_names import require_known

    wanted = {name: value for name, value in given.items() if value not in (None, False)}
    if latency is not None:
        try:
            wanted["latency"] = json.loads(latency)
        except ValueError:
            raise click.BadParameter(f"{latency!r}: expected seconds, or a distribution as JSON") from None
    with clear_errors():
        if not force:
            require_known(wanted, read_settings())
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
