"""A command that needs more than the core says which extra has it."""

import sys

import pytest
from click.testing import CliRunner

from harness.cli import main


@pytest.mark.parametrize(
    ("module", "command"),
    [("pandas", ["dataset", "transform", "none.tar.gz", "images"]), ("pandas", ["monitor", "."])],
)
def test_what_the_core_lacks_is_named_with_its_extra(monkeypatch, tmp_path, module, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    CliRunner().invoke(main, ["dataset", "synthesize", "none.tar.gz", "--train", "4", "--test", "4"])
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 1
    assert ended.output.endswith(f"Error: this needs {module}: pip install 'aws-ml-harness[reports]'\n"), ended.output
