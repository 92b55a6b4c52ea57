"""What one warm execution costs in things that can be counted, and so do not depend on the machine."""

import subprocess
import threading
from collections import Counter

import pytest
from botocore.client import ClientCreator

from harness.emulator.door.server import KeepAliveRequestHandler
from harness.emulator.lambda_.template import RuntimeTemplate
from harness.project.executions import run
from tests.workflow.checks import function_processes

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
    counting(subprocess.Popen, "__init__", lambda _: "processes")
    counting(RuntimeTemplate, "start", lambda _: "processes")
    return found


def test_a_warm_execution_makes_the_requests_of_the_workflow_and_nothing_else(scones, images, states, control, counts):
    event = scones.event(images.above(0.93))
    for _ in range(2):
        run(states, scones.state_machine_arn, event)
    control.flush()
    began = function_processes()
    counts.clear()
    for _ in range(EXECUTIONS):
        assert run(states, scones.state_machine_arn, event).succeeded
    assert counts["POST StartExecution"] == EXECUTIONS
    assert counts["GET S3"] == EXECUTIONS
    assert counts["POST endpoint"] == EXECUTIONS
    assert counts["clients"] == 0
    assert counts["threads"] <= EXECUTIONS + 2  # one for an execution, and for connections opened meanwhile
    assert counts["processes"] == 0
    assert function_processes() == began
    # The rest is the waiting, and logs and captures that are written together in the background.
    expected = {
        "POST StartExecution",
        "GET S3",
        "POST endpoint",
        "clients",
        "threads",
        "processes",
        "POST DescribeExecution",
    }
    background = {"POST PutLogEvents", "POST CreateLogStream", "POST CreateLogGroup", "PUT S3"}
    assert set(counts) <= expected | background
    assert sum(counts[name] for name in background) <= 3 * EXECUTIONS
