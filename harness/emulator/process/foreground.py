"""``harness up``: the emulator in the foreground, until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from harness.emulator.door.boundary import PAGE_PREFIX, Boundary, is_loopback
from harness.emulator.door.gateway import Page
from harness.emulator.emulator import Emulator
from harness.emulator.options import options_of
from harness.emulator.process.endpoint_file import announced
from harness.emulator.process.surroundings import leave_out_surroundings
from harness.settings import Settings

HINT = """\
[bold]The emulator answers at {url}[/bold]  (region {region}, account {account})

  In this folder, from another shell:

    [cyan]eval "$(harness env)"[/cyan]          then any AWS CLI command, boto3 or SageMaker SDK program
    [cyan]aws s3 ls[/cyan]

  or in Python:

    [cyan]boto3.client("s3", endpoint_url="{url}")[/cyan]
{page}

Stop it with Ctrl-C; {end}"""
_STYLES: dict[str, dict[str, Any]] = {"bold": {"bold": True}, "cyan": {"fg": "cyan"}}
_PAGE_HINT = """
  What runs in it, as a page: [cyan]{url}[/cyan]
"""
_LONGEST_STOP = 30.0
"""Seconds that stopping may take, whatever an answer under way has fallen into."""
_FEW_FILES = 256
_MOST_FILES = 16384
_OPEN = """\
Who reaches {host} on the network can do everything here: read and write every bucket, and run code on this machine
as you, by a function. Only the emulator's own API, below /_harness/, needs a token (HARNESS_CONTROL_TOKEN, which
`harness env` tells). Leave --host out, or have a firewall or a container's network keep others away.
"""


def _allow_open_files() -> int:
    """Have this process open as many files as it may raise its limit to; gives how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return int(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def run_in_foreground(
    *,
    host: str,
    port: int,
    settings: Settings,
    services: frozenset[str] | None,
    state: Path | None = None,
    live: Path | None = None,
    layers: Iterable[str] = (),
    page: Callable[[str, Mapping[str, str], str], Page] | None = None,
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
) -> None:
    """Run an emulator until SIGINT, SIGTERM or SIGHUP, saying how to reach it.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        settings: the rest of what it is told.
        services: names of those that run here; None: all.
        state: folder that outlives a restart; None: there is none.
        live: folder whose functions run from there; None: none do.
        layers: what stands for layers of other accounts, see :func:`provided`.
        page: makes a WSGI application, given the emulator's address, its variables and *host*, which answers below
            :data:`PAGE_PREFIX`; None for no such page.
        hosts: further names under which it may be asked.
        origins: web pages that may ask.

    Raises:
        OSError: the port is taken.
        RuntimeError: the state cannot be used, or could not be saved at the end.
        ValueError: there is no such service, a host or an origin is none, or a layer cannot be had.
    """
    boundary = Boundary(host, hosts, origins, settings.control_token)
    leave_out_surroundings(os.environ)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is not signal.SIG_IGN:  # as nohup has it for SIGHUP
            signal.signal(name, lambda number, frame: stop.set())
    options = options_of(
        settings, os.environ, boundary, host=host, port=port, services=services, layers=layers, state=state, live=live
    )
    emulator = Emulator(options)
    allowed = _allow_open_files()
    if allowed < _FEW_FILES:
        click.echo(f"This shell allows {allowed} open files (ulimit -n), too few for many functions and connections.")
    if live is not None and not live.is_dir():
        click.echo(f"--live {live}: there is no such folder, or it cannot be read: no function's code is live.")
    if not is_loopback(host):
        click.secho(_OPEN.format(host=host), fg="red", bold=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(emulator)
        variables = emulator.environment() | emulator.control_variables()
        stack.enter_context(announced(settings.cache, emulator.url, variables))
        end = f"its state is kept in {state}." if state else "everything in it is gone then."
        shown = "" if page is None else _styled(_PAGE_HINT).format(url=f"{emulator.url}{PAGE_PREFIX}/")
        if page is not None:
            emulator.mount(page(emulator.url, variables, host))
        click.echo(
            _styled(HINT).format(
                url=settings.public_url or emulator.url,
                region=settings.region,
                account=settings.account_id,
                end=end,
                page=shown,
            )
        )
        while not stop.wait(1):
            pass
        click.echo("Stopping ...")
        last_resort = threading.Timer(_LONGEST_STOP, _end_unstopped)
        last_resort.daemon = True
        last_resort.start()
    last_resort.cancel()
    click.echo("Stopped.")


def _styled(text: str) -> str:
    """*text* with its marks as a terminal shows them: click takes them out again where there is none."""
    return re.sub(r"\[(bold|cyan)\](.*?)\[/\1\]", lambda mark: click.style(mark[2], **_STYLES[mark[1]]), text)


def _end_unstopped() -> None:
    """End this process, whatever keeps it from stopping; its children end with it."""
    words = f"It could not be stopped within {_LONGEST_STOP:.0f} s, and has been ended; what was saved last is kept.\n"
    os.write(sys.stderr.fileno(), words.encode())
    os._exit(1)
