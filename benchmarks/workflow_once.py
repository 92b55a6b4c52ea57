"""The measured program: the Scones workflow on the embedded target, in a process of its own.

Prints a JSON line ``{"event": "first"}`` when the first execution has SUCCEEDED, and one with the milliseconds of each
warm execution at the end.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.project.bucket import ensure_bucket
from harness.project.executions import run
from harness.project.session import SharedClients
from harness.scones.workflow import Scones, deployed
from harness.settings import Settings
from harness.targets import open_target

ROOT = Path(__file__).resolve().parent.parent
PNG = b"\x89PNG\r\n\x1a\n"


@contextlib.contextmanager
def deployed_workflow() -> Iterator[tuple[Scones, dict[str, Any]]]:
    """Yield the workflow on the embedded target, every prediction sure enough, and the input of an execution."""
    settings = replace(Settings(), threshold=0.0)
    with open_target(settings):
        session = SharedClients()  # as `harness demo` has it
        with deployed(session, settings, ROOT) as scones:
            s3 = session.client("s3")
            ensure_bucket(s3, scones.bucket)
            # As large as a CIFAR image of the real data set.
            s3.put_object(Bucket=scones.bucket, Key="image.png", Body=PNG + bytes(2500))
            yield scones, dict(scones.event("image.png"))


def main(executions: int) -> None:
    """Deploy, run one execution cold and *executions* warm, clean up."""
    with deployed_workflow() as (scones, event):
        states = scones.session.client("stepfunctions")

        def once() -> float:
            began = time.perf_counter()
            result = run(states, scones.state_machine_arn, event)
            if not result.succeeded:
                raise RuntimeError(f"{result.error}: {result.cause}")
            return (time.perf_counter() - began) * 1000

        once()
        print(json.dumps({"event": "first"}), flush=True)
        print(json.dumps({"event": "warm", "milliseconds": [once() for _ in range(executions)]}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
