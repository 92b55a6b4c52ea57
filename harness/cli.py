"""The ``harness`` command: one thin function per sub-command; what they call is imported when they run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from harness import __version__

if TYPE_CHECKING:
    from harness.settings import Settings


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
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(
                "the port is taken, perhaps by another emulator: stop that, or choose one with --port (0 picks)."
            ) from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise click.ClickException("this machine has no such address: leave --host out for 127.0.0.1.") from None
        raise click.ClickException(str(error)) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def main() -> None:
    """Run AWS machine-learning workflows on this machine, with unmodified code."""


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one.  [default: 4566]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--services", help="Comma-separated services to run here, e.g. lambda,sagemaker.  [default: all]")
def up(port: int | None, host: str | None, services: str | None) -> None:
    """Start the emulator and run until Ctrl-C."""
    from harness.emulator.foreground import run_in_foreground

    settings = _settings()
    names = frozenset(name.strip() for name in services.split(",")) if services else None
    with _clear_errors():
        run_in_foreground(
            host=host or settings.host,
            port=settings.port if port is None else port,
            settings=settings,
            services=names,
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


@main.group()
def dataset() -> None:
    """Extract, transform, load - or synthesize - the CIFAR-100 vehicles."""


if __name__ == "__main__":
    main()
