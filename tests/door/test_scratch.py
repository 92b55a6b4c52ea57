"""Scratch folders of emulators that were killed are swept; those that are in use are not."""

import contextlib
import subprocess
import sys
import tempfile

import psutil

from harness.emulator.process import scratch
from harness.emulator.process.scratch import ScratchFolder
from tests.waiting import until

PROGRAM = """
import os, signal, subprocess, sys, tempfile
tempfile.tempdir = sys.argv[1]
from harness.emulator.process.scratch import ScratchFolder
folder = ScratchFolder()
serve = "import time; print('up', flush=True); time.sleep(60)"
command = [sys.executable, "-c", serve, f"{folder.path}/endpoints/one"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
server.stdout.readline()
print(folder.path, server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_that_holds_very_much_goes_on_being_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_PATIENCE", 0.0)
    folder = ScratchFolder()
    for number in range(2000):
        (folder.path / f"{number}").mkdir()
    folder.close()
    until(lambda: not folder.path.exists())


def test_the_next_one_sweeps_what_a_killed_one_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lives = ScratchFolder()
    (tmp_path / "harness-emulator-of-somebody").mkdir()  # without a lock: not ours to judge
    done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], capture_output=True, text=True, timeout=20)
    left, server = done.stdout.split()
    assert psutil.pid_exists(int(server))
    assert left in {str(path) for path in tmp_path.iterdir()}
    ScratchFolder().close()
    with contextlib.suppress(psutil.NoSuchProcess):  # nobody may collect what is left of it
        assert psutil.Process(int(server)).wait(10) is None
    assert {path.name for path in tmp_path.iterdir()} == {lives.path.name, "harness-emulator-of-somebody"}
    lives.close()
    assert not lives.path.exists()
