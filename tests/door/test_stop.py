"""Nothing that hangs keeps an emulator from stopping."""

import os
import signal
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
