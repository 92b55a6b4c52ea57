"""What it takes for an execution to have failed as designed, and not for some other reason."""

import contextlib
import json

import psutil

from harness.project.executions import failed_state

THRESHOLD_STATE = "Lambda Invoke(CheckThreshold)"


def assert_threshold_not_met(result, events, confidence, threshold):
    """The threshold's own error, out of its own state, with both numbers in the message."""
    assert result.status == "FAILED"
    assert failed_state(events) == THRESHOLD_STATE
    assert result.error == "ThresholdConfidenceNotMet"
    cause = json.loads(result.cause)
    assert cause["errorType"] == "ThresholdConfidenceNotMet"
    assert cause["errorMessage"].startswith("THRESHOLD_CONFIDENCE_NOT_MET")
    assert str(confidence) in cause["errorMessage"]
    assert str(threshold) in cause["errorMessage"]


def function_processes():
    """Numbers of the processes that run functions: copies of the runtime's template, or awslambdaric of its own."""
    children = _commands(psutil.Process())
    templates = [child for child, command in children.items() if any("runtime_template" in part for part in command)]
    own = {child.pid for child, command in children.items() if "awslambdaric" in command}
    return own | {copy.pid for template in templates for copy in _commands(template)}


def _commands(process):
    """The children of *process* that live, each with its command line."""
    found = {}
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie, too
            found[child] = child.cmdline()
    return found
