"""Many executions at once, beside the floor's handlers in two processes; and many in a row, for what grows.

The client is a process of its own, as users have it. Prints one JSON object: executions a second of both, and of a long
row each tenth's median time, memory and threads of the emulator. ``python -m benchmarks.throughput AT_ONCE IN_A_ROW``
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import boto3
import psutil
from botocore.config import Config

from benchmarks.floor_once import load_chain
from benchmarks.workflow_once import deployed_workflow
from tests.waiting import settled

_FLOOR_PROCESSES = 2


def main(at_once: int, in_a_row: int) -> None:
    """Measure *at_once* executions together, and *in_a_row* of which four run at a time."""
    with deployed_workflow() as (scones, event):
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        arguments = (there, scones.state_machine_arn, json.dumps(event), at_once, in_a_row)
        client = context.Process(target=_drive, args=arguments)
        client.start()
        there.close()  # a client that fails ends the wait for it
        process, tenths, rates = psutil.Process(), [], []
        while (told := here.recv()) is not None:
            if isinstance(told, float):
                rates.append(told)
                continue
            memory = process.memory_info().rss / 2**20
            tenths.append({**told, "memory_mb": memory, "threads": process.num_threads()})
        client.join(60)
        figures = {
            "at_once": at_once,
            "executions_per_second": statistics.median(rates),
            "floor_per_second": _floor(event, scones.endpoint, max(100, at_once)),
            "row": tenths,
        }
        print(json.dumps(figures))


def _drive(to: Connection, arn: str, given: str, at_once: int, in_a_row: int) -> None:
    """Act as the client: send executions a second of three rounds, the figures of each tenth of the row, and None."""
    states = boto3.client("stepfunctions", config=Config(max_pool_connections=at_once))

    def once(_: int, every: float = 0.02) -> float:
        began = time.perf_counter()
        execution = states.start_execution(stateMachineArn=arn, input=given)["executionArn"]
        answer = settled(states.describe_execution, "status", 300, every, executionArn=execution)
        if answer["status"] != "SUCCEEDED":
            raise RuntimeError(f"{answer.get('error')}: {answer.get('cause')}")
        return time.perf_counter() - began

    for number in range(10):
        once(number)
    for _ in range(3):
        began = time.perf_counter()
        _all(partial(once, every=0.25), at_once, at_once)
        to.send(at_once / (time.perf_counter() - began))
    for _ in range(10 if in_a_row else 0):
        to.send({"median_milliseconds": statistics.median(_all(once, in_a_row // 10, 4)) * 1000})
    to.send(None)


def _all(once: Callable[[int], float], count: int, at_a_time: int) -> list[float]:
    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(once, range(count)))


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
    ready.wait(60)
    began = time.perf_counter()
    go.set()
    for process in processes:
        process.join(600)
    return count / (time.perf_counter() - began)


def _chains(event: dict[str, Any], endpoint: str, count: int, ready: Any, go: Any) -> None:
    os.environ.update(ENDPOINT_NAME=endpoint, THRESHOLD="0")
    chain = load_chain()
    chain(event)
    ready.wait(60)
    go.wait(60)
    for _ in range(count):
        chain(event)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
