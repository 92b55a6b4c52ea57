"""``make bench``: how long a first and a warm execution take, beside moto's engine alone in the same run.

Both programs run in processes of their own, in turn, several times; the figures are medians, and the ratio is that of
the medians. Writes ``benchmarks/results/execution.json`` with the machine's facts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parent / "results"
PROGRAMS = {
    "harness": "benchmarks.workflow_once",
    "moto's engine alone": "benchmarks.moto_once",
}


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


def main() -> None:
    """Measure, print the table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="processes of each program (default 5)")
    parser.add_argument("--executions", type=int, default=30, help="warm executions in each process (default 30)")
    options = parser.parse_args()
    console = Console()
    runs: dict[str, list[Run]] = {name: [] for name in PROGRAMS}
    with console.status("measuring") as status:
        for number in range(options.runs):
            for name, module in PROGRAMS.items():
                status.update(f"run {number + 1} of {options.runs}: {name}")
                runs[name].append(measure(module, options.executions))
    rows = {
        name: {
            "first_seconds": statistics.median(run.first for run in measured),
            "warm_milliseconds": statistics.median(value for run in measured for value in run.warm),
            "warm_fastest_run_milliseconds": min(statistics.median(run.warm) for run in measured),
        }
        for name, measured in runs.items()
    }
    table = Table(title=f"medians of {options.runs} processes, {options.executions} warm executions each")
    for column in ("", "first SUCCEEDED", "warm execution", "calmest process's warm median"):
        table.add_column(column, justify="left" if not column else "right")
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['first_seconds']:.2f} s",
            f"{row['warm_milliseconds']:.1f} ms",
            f"{row['warm_fastest_run_milliseconds']:.1f} ms",
        )
    ours, theirs = rows.values()
    table.add_row("ratio", *(f"{ours[key] / theirs[key]:.2f}" for key in ours), style="bold")
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    facts = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
    }
    document = {"machine": facts, "options": vars(options), "figures": rows}
    (RESULTS / "execution.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
