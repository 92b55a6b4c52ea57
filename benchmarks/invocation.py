"""One invocation of a function, beside the floor: awslambdaric asked by the smallest Runtime API that serves it.

    python -m benchmarks.invocation [INVOCATIONS]

Prints one JSON object, medians in milliseconds: the floor; the emulator's Lambda, from the event to the outcome; Invoke
by HTTP; Invoke by boto3; the first invocation of a function that was created just now. Floor and emulator take turns,
so that what else the machine does falls on both alike; the processor time of this process, client and emulator, is
beside the time that passes, since it is the steadier of the two.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from harness.emulator.emulator import Emulator
from harness.emulator.lambda_.package import make_runtime_folder
from harness.emulator.lambda_.service import Lambda
from harness.emulator.options import EmulatorOptions

SOURCE = "def lambda_handler(event, context):\n    return event\n"
EVENT = b'{"a": 1}'
_ROUND = 50
_LONGEST = 60
"""Seconds that the runtime may take to ask."""


class Floor:
    """awslambdaric, and nothing but a socket."""

    def __init__(self, folder: Path) -> None:
        (folder / "lambda_function.py").write_text(SOURCE)
        runtime = make_runtime_folder(folder / "runtime")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LONGEST)
        host, port = self._listener.getsockname()
        variables = {
            "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
            "LAMBDA_TASK_ROOT": str(folder),
            "PYTHONPATH": os.pathsep.join(map(str, (folder, runtime))),
            "PATH": os.defpath,
        }
        command = [sys.executable, "-S", "-s", "-m", "awslambdaric", "lambda_function.lambda_handler"]
        self._process = subprocess.Popen(command, cwd=folder, env=variables)
        self._asked: socket.socket | None = None
        self._ask()

    def once(self) -> None:
        """One event, from handing it over until its result is here and the next is asked for."""
        assert self._asked is not None
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: a\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 3000}\r\nContent-Length: {len(EVENT)}\r\n\r\n"
        )
        self._asked.sendall(head.encode() + EVENT)
        self._ask()  # POST .../response
        assert self._asked is not None
        self._asked.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        self._ask()  # GET .../next

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(20)
        self._listener.close()

    def _ask(self) -> None:
        """Read the runtime's next request, on the connection it keeps or on a new one."""
        data = b""
        while b"\r\n\r\n" not in data:
            if self._asked is None:
                self._asked, _ = self._listener.accept()
                self._asked.settimeout(_LONGEST)
                self._asked.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            part = self._asked.recv(1 << 16)
            if not part:
                self._asked = None
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        assert self._asked is not None
        while len(body) < length:
            part = self._asked.recv(1 << 16)
            if not part:
                raise ConnectionError("the runtime went away in the middle of its request")
            body += part


def _package() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lambda_function.py", SOURCE)
    return buffer.getvalue()


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _middle(rounds: list[float]) -> float:
    return statistics.median(rounds[1:])


def main(invocations: int) -> None:
    """Measure."""
    options = EmulatorOptions(enforce_policies=False)
    with tempfile.TemporaryDirectory() as folder, Emulator(options) as emulator:
        given: dict[str, Any] = {"endpoint_url": emulator.url, "region_name": "us-east-1"}
        given |= {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = boto3.client("iam", **given).create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        client = boto3.client("lambda", **given)

        def create(name: str) -> None:
            client.create_function(
                FunctionName=name,
                Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
                Role=role,
                Handler="lambda_function.lambda_handler",
                Code={"ZipFile": _package()},
            )
            client.get_waiter("function_active_v2").wait(FunctionName=name)

        functions = next(service for service in emulator.services if isinstance(service, Lambda))
        runner = functions.runner

        def of_lambda() -> None:
            invocation, function = runner.prepare("warm", None, EVENT, "us-east-1", str(uuid.uuid4()))
            runner.run(function, invocation)

        connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
        scope = "Credential=a/20260101/us-east-1/lambda/aws4_request"
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}

        def by_http() -> None:
            connection.request("POST", "/2015-03-31/functions/warm/invocations", EVENT, headers)
            connection.getresponse().read()

        create("warm")
        floor = Floor(Path(folder))
        ways: dict[str, Callable[[], object]] = {
            "floor: awslambdaric and a socket": floor.once,
            "the emulator's Lambda, from event to outcome": of_lambda,
            "Invoke by HTTP": by_http,
            "Invoke by boto3": lambda: client.invoke(FunctionName="warm", Payload=EVENT)["Payload"].read(),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(max(2, invocations // _ROUND)):
            for name, way in ways.items():
                began = time.process_time()
                taken[name] += [_timed(way) for _ in range(_ROUND)]
                spent[name].append((time.process_time() - began) * 1000 / _ROUND)
        first = []
        for number in range(12):
            create(f"new-{number}")
            first.append(_timed(partial(client.invoke, FunctionName=f"new-{number}", Payload=EVENT)))
        floor.close()
        found: dict[str, Any] = {
            name: {"passed": round(statistics.median(taken[name][_ROUND:]), 2), "spent": round(_middle(spent[name]), 2)}
            for name in ways
        }
        found["first invocation of a function created just now"] = {"passed": round(statistics.median(first), 1)}
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
