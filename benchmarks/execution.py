"""Runs a program that executes the workflow, once cold and then warm, and takes its times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One process's figures."""

    first: float
    """Seconds from the start of the process to its first SUCCEEDED execution."""
    warm: list[float]
    """Milliseconds of each warm execution."""


def measure(module: str, executions: int) -> Run:
    """Run a program once.

    Raises:
        RuntimeError: it failed; the message has its error output.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(executions)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    first = time.perf_counter() - began
    output, errors = process.communicate()
    if process.returncode or not line:
        raise RuntimeError(f"{module} failed: {errors}")
    return Run(first, json.loads(output)["milliseconds"])
