"""Where the processor time of one warm execution goes, hop by hop, beside the floor's.

Prints one JSON object: milliseconds of processor time an execution, by who spends it. Processor time, not time that
passes: on a machine that others use as well it is the steadier of the two, and with one execution at a time it is most
of what passes.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import psutil

from benchmarks.floor_once import load_chain
from benchmarks.workflow_once import deployed_workflow
from harness.project.executions import run

_WARM_UP = 20


def main(executions: int) -> None:
    """Measure *executions*, one after the other."""
    from harness.emulator.door.server import KeepAliveRequestHandler
    from harness.emulator.lambda_.runtime_api import _Handler
    from harness.emulator.logs.writer import LogWriter
    from harness.emulator.sagemaker.capture import CaptureWriter
    from harness.emulator.stepfunctions.integrations.registry import Integrations
    from harness.emulator.stepfunctions.scheduler import Scheduler

    spent: defaultdict[str, float] = defaultdict(float)

    def account(owner: Any, name: str, label: Callable[[Any], str]) -> None:
        original = getattr(owner, name)

        def accounted(self: Any, *arguments: Any) -> Any:
            began = time.thread_time()
            try:
                return original(self, *arguments)
            finally:
                spent[label(self)] += time.thread_time() - began

        setattr(owner, name, accounted)

    account(KeepAliveRequestHandler, "run_wsgi", _request)
    account(_Handler, "do_GET", lambda _: "Lambda's Runtime API")
    account(_Handler, "do_POST", lambda _: "Lambda's Runtime API")
    account(Scheduler, "_carry_out", lambda _: "the engine")
    account(Integrations, "call", lambda _: "invoking three functions")
    account(LogWriter, "flush", lambda _: "logs and captures, written in the background")
    account(CaptureWriter, "flush", lambda _: "logs and captures, written in the background")
    with deployed_workflow() as (scones, event):
        states = scones.session.client("stepfunctions")

        def once() -> None:
            if not run(states, scones.state_machine_arn, event).succeeded:
                raise RuntimeError("an execution failed")

        for _ in range(_WARM_UP):
            once()
        spent.clear()
        children, own, client = _of_children(), _of_this(), time.thread_time()
        for _ in range(executions):
            once()
        client, own, children = time.thread_time() - client, _of_this() - own, _of_children() - children
        hops = dict(sorted(spent.items()))
        rest = own - client - sum(hops.values())
        os.environ.update(ENDPOINT_NAME=scones.endpoint, THRESHOLD="0")
        chain = load_chain()
        for _ in range(_WARM_UP):
            chain(event)
        floor = _of_this()
        for _ in range(executions):
            chain(event)
        floor = _of_this() - floor
    parts = {
        "the client: boto3, StartExecution and DescribeExecution": client,
        **hops,
        "the rest of the emulator: heads of requests, connections, threads": rest,
        "three processes of functions: awslambdaric, boto3, the handlers": children,
        "together": own + children,
        "floor: the handlers called directly, S3 and endpoint": floor,
    }
    print(json.dumps({name: seconds / executions * 1000 for name, seconds in parts.items()}))


def _request(handler: Any) -> str:
    action = handler.headers.get("X-Amz-Target", "").rpartition(".")[2]
    if action.startswith("PutLog") or action.startswith("CreateLog") or handler.command == "PUT":
        return "logs and captures, written in the background"
    if action:
        return f"the emulator: {action}"
    return "the emulator: InvokeEndpoint" if "/invocations" in handler.path else "the emulator: S3's GetObject, by moto"


def _of_this() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _of_children() -> float:
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main(int(sys.argv[1]))
