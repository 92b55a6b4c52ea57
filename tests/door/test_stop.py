"""Nothing that hangs keeps an emulator from stopping."""

import contextlib
import os
import signal
import socket
import sys
import time

from harness.emulator.emulator import Emulator
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


def test_the_port_closes_before_anything_else_ends():
    """Whoever waits for the port to be free, or starts anew on it, need not wait for a package to be removed."""
    emulator = Emulator()
    emulator.start()
    port = int(emulator.url.rpartition(":")[2])
    told = []

    class Page:
        def __call__(self, environ, start_response):
            raise AssertionError("nobody asks")

        def close(self):
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
                told.append("answered")
            told.append("closing")

    emulator.mount(Page())
    emulator.stop()
    assert told == ["closing"]
