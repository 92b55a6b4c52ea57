"""What one warm execution costs in things that can be counted, and so do not depend on the machine."""

import os
import threading
from collections import Counter

import psutil
import pytest
from botocore.client import ClientCreator

from harness.emulator.http_server import KeepAliveRequestHandler
from harness.workflow.executions import run

pytestmark = pytest.mark.local

EXECUTIONS = 5


@pytest.fixture
def counts(monkeypatch):
    """Counts what the emulator, which is in this process, does from now on."""
    found = Counter()

    def counting(owner, name, label):
        original = getattr(owner, name)

        def counted(self, *arguments, **options):
            found[label(self)] += 1
            return original(self, *arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    def request(handler):
        action = handler.headers.get("X-Amz-Target", "").rpartition(".")[2]
        return f"{handler.command} {action or ('endpoint' if '/invocations' in handler.path else 'S3')}"

    counting(KeepAliveRequestHandler, "run_wsgi", request)
    counting(ClientCreator, "create_client", lambda _: "clients")
    counting(threading.Thread, "start", lambda _: "threads")
    return found


def environments():
    """The processes that run functions; what runs beside the tests has processes of its own."""
    found = psutil.process_iter(["pid", "ppid", "cmdline"])
    return {
        process.info["pid"]
        for process in found
        if process.info["ppid"] == os.getpid() and "awslambdaric" in (process.info["cmdline"] or ())
    }


def test_a_warm_execution_makes_the_requests_of_the_workflow_and_nothing_else(scones, images, states, control, counts):
    event = scones.event(images.above(0.93))
    for _ in range(2):
        run(states, scones.state_machine_arn, event)
    control.flush()
    began = environments()
    counts.clear()
    for _ in range(EXECUTIONS):
        assert run(states, scones.state_machine_arn, event).succeeded
    assert counts["POST StartExecution"] == EXECUTIONS
    assert counts["GET S3"] == EXECUTIONS
    assert counts["POST endpoint"] == EXECUTIONS
    assert counts["clients"] == 0
    assert counts["threads"] <= 5 * EXECUTIONS  # the engine's: two for an execution, one for each task
    assert environments() == began
    # The rest is the waiting, and logs and captures that are written together in the background.
    expected = {"POST StartExecution", "GET S3", "POST endpoint", "clients", "threads", "POST DescribeExecution"}
    background = {"POST PutLogEvents", "POST CreateLogStream", "POST CreateLogGroup", "PUT S3"}
    assert set(counts) <= expected | background
    assert sum(counts[name] for name in background) <= 3 * EXECUTIONS
