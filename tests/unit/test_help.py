"""What --help says: plain sentences, whole, in 80 columns."""

import re

import click
import pytest
from click.testing import CliRunner

from harness.cli import main


def commands(command, *path):
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, *path, name)


ALL = dict(commands(main))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_whole_and_in_sentences(path):
    said = CliRunner().invoke(main, [*path, "--help"], terminal_width=80, prog_name="harness")
    assert said.exit_code == 0
    assert max(map(len, said.output.splitlines())) <= 80
    assert "..." not in re.sub(r"\[[A-Z]+\]\.\.\.|[A-Z]+\.\.\.", "", said.output), said.output  # but for arguments
    assert ALL[path].help.partition("\n\n")[0].rstrip().endswith("."), path
    for option in ALL[path].params:
        if isinstance(option, click.Option):
            words = (option.help or "").partition("  [")[0]
            assert re.fullmatch(r"[A-Z].*\.|Without .*|[A-Z].*distribution says: .*", words), (path, option.name, words)
