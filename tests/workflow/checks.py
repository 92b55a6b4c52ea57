"""What it takes for an execution to have failed as designed, and not for some other reason."""

import json

import psutil

from harness.workflow.executions import failed_state

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
    children = psutil.Process().children()
    templates = [child for child in children if any("runtime_template" in part for part in child.cmdline())]
    own = {child.pid for child in children if "awslambdaric" in child.cmdline()}
    return own | {copy.pid for template in templates for copy in template.children()}
