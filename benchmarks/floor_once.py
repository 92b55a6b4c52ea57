"""The floor: the three handlers called directly, in one process, with the same boto3 calls and no Step Functions.

What is left when everything that emulates is taken away but S3 and the endpoint. Prints what
:mod:`benchmarks.workflow_once` prints.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("serialize_image_data", "classify_image_data", "threshold_image_data")
Chain = Callable[[dict[str, Any]], Any]


def load_chain() -> Chain:
    """Load the handlers, one after the other."""
    handlers = []
    for folder in FOLDERS:
        path = ROOT / "lambdas" / folder / "lambda_function.py"
        spec = importlib.util.spec_from_file_location(folder, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        handlers.append(module.lambda_handler)

    def chain(event: dict[str, Any]) -> Any:
        result: Any = event
        for handler in handlers:
            # States pass JSON on, not objects.
            result = json.loads(json.dumps(handler(result, None)))
        return result

    return chain


def main(executions: int) -> None:
    """Deploy S3 and endpoint, call the handlers once cold and *executions* times warm."""
    from benchmarks.workflow_once import deployed_workflow

    with deployed_workflow() as (scones, event):
        os.environ.update(ENDPOINT_NAME=scones.endpoint, THRESHOLD="0")
        chain = load_chain()

        def once() -> float:
            began = time.perf_counter()
            chain(event)
            return (time.perf_counter() - began) * 1000

        once()
        print(json.dumps({"event": "first"}), flush=True)
        print(json.dumps({"event": "warm", "milliseconds": [once() for _ in range(executions)]}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
