"""Nothing that hangs keeps an emulator from stopping."""

import os
import signal
import subprocess
import sys
import time

from harness.emulator.lambda_.runtime import OF_PYTHON
from harness.emulator.lambda_.template import RuntimeTemplate


def test_a_template_that_is_stopped_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.emulator.lambda_.template._FAREWELL", 0.1)
    template = RuntimeTemplate(sys.executable, tmp_path, OF_PYTHON)
    template._connect()
    os.kill(template._process.pid, signal.SIGSTOP)
    began = time.monotonic()
    template.close()
    assert time.monotonic() - began < 5
    assert template._process.returncode == -signal.SIGKILL


STOPS = """
import contextlib, socket
from harness.emulator.emulator import Emulator

emulator = Emulator()
emulator.start()
port = int(emulator.url.rpartition(":")[2])

class Page:
    def __call__(self, environ, start_response):
        raise AssertionError("nobody asks")

    def close(self):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
            print("answered")
        print("closing")

emulator.mount(Page())
emulator.stop()
"""


def test_the_port_closes_before_anything_else_ends():
    """Whoever waits for the port to be free, or starts anew on it, need not wait for a package to be removed."""
    done = subprocess.run([sys.executable, "-c", STOPS], capture_output=True, text=True, timeout=60)
    assert done.stdout == "closing\n", done.stderr


FREEZES = """
import gc
from harness.emulator.emulator import Emulator

frozen, before = [], gc.get_threshold()
for _ in range(2):
    with Emulator():
        frozen.append(gc.get_freeze_count())
print(frozen[0] > 50_000, frozen[1] <= frozen[0], gc.get_freeze_count() == frozen[1], gc.get_threshold() == before)
"""


def test_what_is_loaded_stays_out_of_collections_and_all_else_is_as_before():
    done = subprocess.run([sys.executable, "-c", FREEZES], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True True True True\n", (done.stdout, done.stderr)
