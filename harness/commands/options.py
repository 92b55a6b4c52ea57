"""What commands share: settings, options, errors in a line, a progress bar."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.reporting.progress import Update
    from harness.settings import Settings
    from harness.testing.control import ControlApi


_IN_REPORTS = ("matplotlib", "pandas")


class Commands(click.Group):
    """Commands whose list says each one's sentence to its end, in as many lines as that takes."""

    def invoke(self, ctx: click.Context) -> object:
        """Carry out a command; name the extra that has what it lacks.

        Raises:
            click.ClickException: it needs pandas or matplotlib, and they are not installed.
        """
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if error.name not in _IN_REPORTS:
                raise
            raise click.ClickException(f"this needs {error.name}: pip install 'aws-ml-harness[reports]'") from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with its whole sentence."""
        rows = [
            (name, command.get_short_help_str(limit=1000))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def read_settings() -> Settings:
    """Return the settings of this process; a variable that cannot be used is named in one line."""
    from harness.settings import SettingsError, get_settings

    try:
        return get_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def targeted(target: str | None) -> Settings:
    """Return the settings, with the target that ``--target`` names, if it does."""
    from dataclasses import replace

    return replace(read_settings(), target=target) if target else read_settings()


def running_control() -> ControlApi:
    """Return the API of the emulator that runs for this folder."""
    from harness.emulator.process.endpoint_file import find_announced
    from harness.testing.control import TOKEN_VARIABLE, ControlApi

    environment = find_announced(read_settings().cache)
    if environment is None:
        raise click.ClickException("no emulator runs for this folder: start one with `harness up`.")
    return ControlApi(environment["AWS_ENDPOINT_URL"], environment.get(TOKEN_VARIABLE, ""))


@contextlib.contextmanager
def clear_errors(port: int | None = None) -> Iterator[None]:
    """Show what a user can mend in one line; a traceback stays for what is our fault. *port*: to be listened on."""
    import errno

    try:
        yield
    except BrokenPipeError:
        raise  # who read our output has enough; click ends quietly
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(f"{_taken(port)}: stop that, or choose a port with --port (0 picks).") from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise click.ClickException("this machine has no such address: leave --host out for 127.0.0.1.") from None
        raise click.ClickException(str(error)) from None
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "botocore":
            raise
        raise click.ClickException(str(error)) from None  # AWS's own words


def _taken(port: int | None) -> str:
    """Who has a port, where the system tells."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        for item in psutil.net_connections("tcp"):
            if port and item.status == psutil.CONN_LISTEN and item.laddr and item.laddr.port == port and item.pid:
                return f"port {port} is taken by {psutil.Process(item.pid).name()} (pid {item.pid})"
    return f"port {port} is taken, perhaps by another emulator" if port else "the port is taken"


def bar(description: str) -> AbstractContextManager[Update]:
    """Return a progress bar on a terminal, nothing in a log; it is told how much of how much is done."""
    from rich.console import Console

    from harness.reporting.progress import progress_bar

    return progress_bar(Console(stderr=True), description)


def aws_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return what says, on the aws target, how to train, whose money may be spent, and how much."""
    spot = click.option("--spot", is_flag=True, help="On aws: train on spare instances (managed spot training).")
    return money_options(spot(command))


def money_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return what says, on the aws target, whose money may be spent, and how much."""
    for option in (
        click.option(
            "--max-cost", type=click.FloatRange(0, min_open=True), help="On aws: refuse what costs more US dollars."
        ),
        click.option("--yes", is_flag=True, help="On aws: agree to the price. Needs --max-cost and --account."),
        click.option("--account", "aws_account", help="On aws: refuse any account but this one."),
    ):
        command = option(command)
    return command


def with_aws_options(settings: Settings, **given: object) -> Settings:
    """Return the settings, with what the options of :func:`aws_options` and the like say, where they are given."""
    from dataclasses import replace

    given = {name: value for name, value in given.items() if value not in (None, False)}
    if given.pop("yes", False):
        given["consent"] = "yes"
    if given.pop("spot", False):
        given["spot"] = "yes"
    return replace(settings, **given)  # type: ignore[arg-type]
