"""A Distributed Map of 2,000 images beside the floor: the same handlers called directly, in two processes.

Prints one JSON object for each workflow: images a second, the floor's, CPU milliseconds an image of all processes and
of the emulator's own, and the memory after each fifth. ``python -m benchmarks.batch [IMAGES] [ROUNDS]``
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

import psutil

from benchmarks.throughput import _floor
from benchmarks.workflow_once import deployed_workflow
from harness.evaluation.batch import MACHINES, BatchOptions, start_batch
from harness.evaluation.source import Source
from tests.waiting import until

_CONCURRENCY = 4
_BATCH = 20


def main(images: int, rounds: int) -> None:
    """Measure *rounds* batches of *images* of each workflow."""
    with deployed_workflow() as (scones, event):
        s3, states = scones.session.client("s3"), scones.session.client("stepfunctions")
        body = s3.get_object(Bucket=scones.bucket, Key="image.png")["Body"].read()
        for number in range(images):
            s3.put_object(Bucket=scones.bucket, Key=f"images/{number:06}.png", Body=body)
        items = {"format": "listing", "bucket": scones.bucket, "prefix": "images/"}
        source = Source("", items, {"bucket": scones.bucket, "prefix": ""}, {})
        floor = _floor(event, scones.endpoint, max(100, images // 4))
        for workflow, machine in MACHINES.items():
            arn = scones.stack.resources[machine].physical_id
            found = []
            for number in range(rounds):
                name = f"benchmark-{workflow}-{number}"
                options = BatchOptions(_CONCURRENCY, _BATCH, 0.0)
                found.append(_once(states, arn, source, scones.bucket, name, options, images))
            rate = statistics.median(one["images_per_second"] for one in found)
            cpu = statistics.median(one["cpu_milliseconds"] for one in found)
            print(
                json.dumps(
                    {
                        "workflow": workflow,
                        "images": images,
                        "images_per_second": rate,
                        "floor_per_second": floor,
                        "share_of_the_floor": rate / floor,
                        "cpu_milliseconds": cpu,
                        "two_cores_would_do_per_second": 2000 / cpu,
                        "rounds": found,
                    }
                ),
                flush=True,
            )


def _once(
    states: Any, arn: str, source: Source, bucket: str, name: str, options: BatchOptions, images: int
) -> dict[str, Any]:
    process = psutil.Process()
    memory: list[float] = []
    cpu, own, began = _cpu(process), _own(process), time.perf_counter()
    execution = start_batch(states, arn, source, bucket, name, options)

    def look() -> dict[str, Any]:
        memory.append(process.memory_info().rss / 2**20)
        return dict(states.describe_execution(executionArn=execution))

    answer = until(look, 3600, every=0.5, enough=lambda answer: answer["status"] != "RUNNING")
    seconds = time.perf_counter() - began
    if answer["status"] != "SUCCEEDED":
        raise RuntimeError(f"{answer.get('error')}: {answer.get('cause')}")
    fifths = [memory[min(len(memory) - 1, index * len(memory) // 5)] for index in range(1, 6)]
    return {
        "images_per_second": images / seconds,
        "cpu_milliseconds": (_cpu(process) - cpu) * 1000 / images,
        "emulator_cpu_milliseconds": (_own(process) - own) * 1000 / images,
        "memory_mb_by_fifth": fifths,
    }


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _cpu(process: psutil.Process) -> float:
    total = _own(process)
    for child in process.children(recursive=True):
        try:
            total += _own(child)
        except psutil.Error:
            continue
    return total


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
