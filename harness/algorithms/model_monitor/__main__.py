"""Runs an analysis: the variables that Model Monitor's container is given say what, and where it is."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.algorithms.model_monitor.constraints import suggested, violations
from harness.algorithms.model_monitor.dataset import DatasetError, read
from harness.algorithms.model_monitor.statistics import statistics_of

_NOT_EMULATED = ("record_preprocessor_script", "post_analytics_processor_script")


def main() -> int:
    """Analyze a data set as ``/opt/ml`` says; return the exit code."""
    parser = argparse.ArgumentParser(prog="model_monitor", description="Analyze a data set")
    parser.add_argument("--root", type=Path, required=True, help="stands in for /opt/ml")
    parser.add_argument("--until-stdin-closes", action="store_true")
    options = parser.parse_args()
    if options.until_stdin_closes:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        message = analyze(options.root, os.environ)
    except DatasetError as error:
        print(f"ERROR: {error}", flush=True)
        _write(options.root / "output" / "message", f"Error: {error}")
        return 255
    print(message, flush=True)
    _write(options.root / "output" / "message", message)
    return 0


def analyze(root: Path, variables: Mapping[str, str]) -> str:
    """Write the three documents; how the job ended, in AWS's words.

    Raises:
        DatasetError: something asked for is not emulated, or the data cannot be read.
    """
    for name in _NOT_EMULATED:
        if variables.get(name):
            raise DatasetError(f"not emulated: {name}")
    kind = variables.get("analysis_type", "DATA_QUALITY")
    if kind != "DATA_QUALITY":
        raise DatasetError(f"not emulated: analysis type {kind}")
    if variables.get("publish_cloudwatch_metrics") == "Enabled":
        print("[harness] not emulated: CloudWatch metrics of Model Monitor; none are published.", flush=True)
    print("[harness] this is our own analyzer, not AWS's container: see docs/sagemaker.md.", flush=True)
    within = None
    if variables.get("start_time") and variables.get("end_time"):
        within = datetime.fromisoformat(variables["start_time"]), datetime.fromisoformat(variables["end_time"])
    rows = read(_place(root, variables["dataset_source"]), json.loads(variables["dataset_format"]), within)
    statistics = statistics_of(rows)
    baseline = _document(root, variables.get("baseline_statistics"))
    constraints = _document(root, variables.get("baseline_constraints"))
    distribution = ((constraints or {}).get("monitoring_config") or {}).get("distribution_constraints") or {}
    for method in (variables.get("categorical_drift_method"), distribution.get("categorical_drift_method")):
        if method not in (None, "", "LInfinity"):
            raise DatasetError(f"not emulated: categorical_drift_method {method}")
    found = violations(rows, statistics, constraints, baseline) if constraints is not None else []
    output = _place(root, variables["output_path"])
    _write(output / "statistics.json", json.dumps(statistics, indent=2))
    suggestion = suggested(statistics)
    _write(output / "constraints.json", json.dumps(suggestion, indent=2))
    if constraints is None:
        return "Completed: Job completed successfully with no violations."
    _write(output / "constraint_violations.json", json.dumps({"violations": found}, indent=2))
    if found:
        return f"CompletedWithViolations: Job completed successfully with {len(found)} violations."
    return "Completed: Job completed successfully with no violations."


def _place(root: Path, path: str) -> Path:
    return root / path.removeprefix("/opt/ml/")


def _document(root: Path, path: str | None) -> Any:
    if not path:
        return None
    try:
        return json.loads(_place(root, path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"The baseline {path} cannot be read: {error}") from None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock the interpreter wants back at its end
        pass
    os.kill(os.getpid(), signal.SIGKILL)  # nobody is left to tell, or to keep anything for


if __name__ == "__main__":
    sys.exit(main())
