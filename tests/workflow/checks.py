"""What it takes for an execution to have failed as designed, and not for some other reason."""

import json

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
