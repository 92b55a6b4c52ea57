"""Nothing that hangs keeps an emulator from stopping."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.emulator.lambda_.runtime import OF_PYTHON
from harness.emulator.lambda_.template import _PROGRAM, RuntimeTemplate
from tests.emulator.packages import package
from tests.waiting import gone, hear, until


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


HANDLER = """
import os
import time
from pathlib import Path

def handler(event, context):
    Path(event["file"]).write_text(str(os.getpid()))
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_stop_during_an_invocation_leaves_neither_words_nor_processes(number, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("harness"), "up", "--port", "0"],
        env={**kept, "HARNESS_CACHE": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = hear(process, r"http://127\.0\.0\.1:\d+")[0]
    more = Config(retries={"max_attempts": 0})
    place = {"endpoint_url": url, "region_name": "us-east-1", "config": more}
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    trust = (
        '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    )
    role = session.client("iam", **place).create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    functions = session.client("lambda", **place)
    code = {"ZipFile": package(HANDLER)}
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    functions.create_function(
        FunctionName="f", Runtime=runtime, Role=role, Handler="lambda_function.handler", Code=code, Timeout=90
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    files = [tmp_path / f"pid{each}" for each in range(3)]

    def invoke(file):
        with suppress(BotoCoreError, ClientError):
            functions.invoke(FunctionName="f", Payload=f'{{"file": "{file}"}}')

    threads = [threading.Thread(target=invoke, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    until(lambda: all(file.exists() and file.read_text() for file in files))
    process.send_signal(number)
    said = process.communicate(timeout=30)[0]
    for thread in threads:
        thread.join(30)
    for file in files:
        gone(int(file.read_text()))
    assert "Traceback" not in said and "Error" not in said, said


def test_a_template_whose_emulator_is_gone_ends_without_words():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-S", "-s", str(_PROGRAM), str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True)
    theirs.close()
    assert select.select([ours], [], [], 30)[0]  # what it says first is there, and is never read
    ours.close()
    assert process.communicate(timeout=30) == (None, "")
    assert process.returncode == 0
