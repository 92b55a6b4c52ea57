"""The ``harness`` command: one thin function per sub-command; what they call is imported when they run."""

from __future__ import annotations

import click

from harness import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def main() -> None:
    """Run AWS machine-learning workflows on this machine, with unmodified code."""


@main.group()
def dataset() -> None:
    """Extract, transform, load - or synthesize - the CIFAR-100 vehicles."""


if __name__ == "__main__":
    main()
