"""Executions that ran when an emulator stopped: told to have failed, since nothing goes on with them."""

from __future__ import annotations

from harness.emulator.stepfunctions.store import Store

_STOPPED_MEANWHILE = "The emulator was stopped while the execution ran, and did not go on with it."


def report_interrupted(store: Store, now: float) -> None:
    """Have executions that *store* left running failed at *now*."""
    for arn in store.left_running():
        kept = store.execution(arn)
        assert kept is not None
        kept.status, kept.stopped = "FAILED", now
        error = {"error": "States.Runtime", "cause": _STOPPED_MEANWHILE}
        kept.members.update(error)
        given = {"input": kept.members["input"], "inputDetails": {"truncated": False}}
        started = {"timestamp": kept.started, "type": "ExecutionStarted", "id": 1, "previousEventId": 0}
        ended = {"timestamp": now, "type": "ExecutionFailed", "id": 2, "previousEventId": 1}
        store.end(
            kept,
            [
                {**started, "executionStartedEventDetails": given},
                {**ended, "executionFailedEventDetails": error},
            ],
        )
