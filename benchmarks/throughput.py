"""Many executions at once, beside the floor's handlers in two processes; and many in a row, for what grows.

Prints one JSON object: executions a second of both, and of a long row each tenth's median time and the memory.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from benchmarks.floor_once import load_chain
from benchmarks.workflow_once import deployed_workflow

_FLOOR_PROCESSES = 2


def main(at_once: int, in_a_row: int) -> None:
    """Measure *at_once* executions together, and *in_a_row* of which eight run at a time."""
    with deployed_workflow() as (scones, event):
        states = scones.session.client("stepfunctions")
        arn = scones.state_machine_arn

        def once(_: int) -> float:
            began = time.perf_counter()
            execution = states.start_execution(stateMachineArn=arn, input=json.dumps(event))["executionArn"]
            pause = 0.02
            while (answer := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
                time.sleep(pause)
                pause = min(pause * 1.2, 0.25)
            if answer["status"] != "SUCCEEDED":
                raise RuntimeError(f"{answer.get('error')}: {answer.get('cause')}")
            return time.perf_counter() - began

        for number in range(10):
            once(number)
        together = []
        for _ in range(3):
            began = time.perf_counter()
            with ThreadPoolExecutor(at_once) as pool:
                list(pool.map(once, range(at_once)))
            together.append(at_once / (time.perf_counter() - began))
        floor = _floor(event, scones.endpoint, max(100, at_once))
        print(
            json.dumps(
                {
                    "at_once": at_once,
                    "executions_per_second": statistics.median(together),
                    "floor_per_second": floor,
                    "row": _row(once, in_a_row),
                }
            )
        )


def _floor(event: dict[str, Any], endpoint: str, count: int) -> float:
    """Chains of handlers a second, in processes of their own that share the two cores with S3 and the endpoint."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(_FLOOR_PROCESSES + 1), context.Event()
    processes = [
        context.Process(target=_chains, args=(event, endpoint, count // _FLOOR_PROCESSES, ready, go))
        for _ in range(_FLOOR_PROCESSES)
    ]
    for process in processes:
        process.start()
    ready.wait()
    began = time.perf_counter()
    go.set()
    for process in processes:
        process.join()
    return count / (time.perf_counter() - began)


def _chains(event: dict[str, Any], endpoint: str, count: int, ready: Any, go: Any) -> None:
    os.environ.update(ENDPOINT_NAME=endpoint, THRESHOLD="0")
    chain = load_chain()
    chain(event)
    ready.wait()
    go.wait()
    for _ in range(count):
        chain(event)


def _row(once: Any, count: int) -> list[dict[str, float]]:
    process, tenths = psutil.Process(), []
    for _ in range(10 if count else 0):
        with ThreadPoolExecutor(4) as pool:
            seconds = list(pool.map(once, range(count // 10)))
        tenths.append(
            {
                "median_milliseconds": statistics.median(seconds) * 1000,
                "memory_mb": process.memory_info().rss / 2**20,
                "threads": process.num_threads(),
            }
        )
    return tenths


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
