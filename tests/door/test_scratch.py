"""Scratch folders of emulators that were killed are swept; those that are in use are not."""

import subprocess
import sys
import tempfile

import pytest

from harness.emulator.process.scratch import ScratchFolder

pytestmark = pytest.mark.local

PROGRAM = """
import os, signal, sys, tempfile
tempfile.tempdir = sys.argv[1]
from harness.emulator.process.scratch import ScratchFolder
folder = ScratchFolder()
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_one_sweeps_what_a_killed_one_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lives = ScratchFolder()
    (tmp_path / "harness-emulator-of-somebody").mkdir()  # without a lock: not ours to judge
    done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], capture_output=True, text=True, timeout=20)
    left = done.stdout.strip()
    assert left in {str(path) for path in tmp_path.iterdir()}
    ScratchFolder().close()
    assert {path.name for path in tmp_path.iterdir()} == {lives.path.name, "harness-emulator-of-somebody"}
    lives.close()
    assert not lives.path.exists()
