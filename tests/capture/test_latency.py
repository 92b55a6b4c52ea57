"""Latencies out of histories: those that AWS's console exported, and branches that run at once."""

from datetime import UTC, datetime, timedelta

import pytest

from harness.project.latency import visits_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number, kind, previous, milliseconds, name=None):
    made = {
        "id": number,
        "type": kind,
        "previousEventId": previous,
        "timestamp": START + timedelta(milliseconds=milliseconds),
    }
    if kind.endswith("StateEntered"):
        made["stateEnteredEventDetails"] = {"name": name}
    if kind.endswith("StateExited"):
        made["stateExitedEventDetails"] = {"name": name}
    return made


def test_iterations_that_run_at_once_are_told_apart():
    events = [
        event(1, "ExecutionStarted", 0, 0),
        event(2, "MapStateEntered", 0, 10, "Each"),
        event(3, "MapStateStarted", 2, 10),
        event(4, "MapIterationStarted", 3, 10),
        event(5, "TaskStateEntered", 4, 20, "Work"),
        event(6, "MapIterationStarted", 3, 20),
        event(7, "TaskStateEntered", 6, 30, "Work"),
        event(8, "TaskSucceeded", 7, 50),
        event(9, "TaskStateExited", 8, 50, "Work"),
        event(10, "TaskSucceeded", 5, 120),
        event(11, "TaskStateExited", 10, 120, "Work"),
        event(12, "MapStateExited", 11, 130, "Each"),
    ]
    assert [(visit.state, visit.seconds) for visit in visits_of(events)] == [
        ("Each", 0.12),
        ("Work", 0.1),
        ("Work", 0.02),
    ]


def test_a_state_in_which_the_execution_failed_ends_with_it():
    events = [
        event(1, "ExecutionStarted", 0, 0),
        event(2, "TaskStateEntered", 0, 5, "Check"),
        event(3, "TaskFailed", 2, 40),
        event(4, "ExecutionFailed", 3, 45),
    ]
    (visit,) = visits_of(events)
    assert (visit.state, visit.seconds, visit.succeeded) == ("Check", 0.04, False)
    assert visits_of(events[:3]) == []  # still running


@pytest.mark.parametrize("name", ["jsonata-succeeded", "jsonpath-b"])
def test_executions_that_aws_exported(real_data, name):
    from harness.parity.export import read_export

    raw = read_export(real_data / "aws-truth" / "executions" / f"{name}.json").events
    events = []
    for item in raw:
        stamp = item["timestamp"]
        seconds = stamp / 1000 if isinstance(stamp, (int, float)) else datetime.fromisoformat(stamp).timestamp()
        events.append({**item, "timestamp": datetime.fromtimestamp(seconds, UTC)})
    visits = visits_of(events, name)
    assert len(visits) == sum("stateEnteredEventDetails" in item for item in events) > 0
    assert all(0 <= visit.seconds < 60 for visit in visits)
