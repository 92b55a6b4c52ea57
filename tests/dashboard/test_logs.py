"""The log of one try of a function, out of all that its log group holds."""

from datetime import UTC, datetime, timedelta

from harness.dashboard.logs import log_of
from harness.dashboard.steps import Attempt

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Logs:
    """CloudWatch Logs with two streams whose lines come mixed."""

    def __init__(self, lines):
        self.lines = lines

    def get_paginator(self, name):
        assert name == "filter_log_events"
        return self

    def paginate(self, *, logGroupName, startTime, endTime, PaginationConfig):
        self.asked = logGroupName
        at = int(BEGAN.timestamp() * 1000)
        assert startTime <= at <= endTime
        yield {"events": [{"timestamp": at, "logStreamName": s, "message": f"{m}\n"} for s, m in self.lines]}


class Functions:
    """Lambda, where one function has a log group of its own choice."""

    def get_function_configuration(self, FunctionName):
        return {"LoggingConfig": {"LogGroup": "/own"}} if FunctionName == "own" else {}


LINES = [
    ("a", "START RequestId: one Version: $LATEST"),
    ("b", "START RequestId: two Version: $LATEST"),
    ("a", "printed by one"),
    ("b", "printed by two"),
    ("a", "END RequestId: one"),
    ("a", "REPORT RequestId: one\tDuration: 1 ms"),
    ("a", "START RequestId: three Version: $LATEST"),
    ("a", "printed by three"),
]


def attempt(**more):
    return Attempt(BEGAN, BEGAN + timedelta(seconds=1), **{"function": "f", **more})


def test_lines_of_one_request():
    log = log_of(Logs(LINES), Functions(), attempt(request_id="one"))
    assert [line.text for line in log.lines] == [
        "START RequestId: one Version: $LATEST", "printed by one", "END RequestId: one",
        "REPORT RequestId: one\tDuration: 1 ms",
    ]  # fmt: skip
    assert log.group == "/aws/lambda/f" and log.note == ""


def test_a_request_that_has_not_ended():
    log = log_of(Logs(LINES), Functions(), attempt(request_id="three", function="own"))
    assert [line.text for line in log.lines] == ["START RequestId: three Version: $LATEST", "printed by three"]
    assert log.group == "/own"


def test_without_a_request_number_all_lines_of_that_time():
    log = log_of(Logs(LINES), Functions(), attempt())
    assert len(log.lines) == len(LINES)
    assert "all lines of that time" in log.note


def test_lines_that_are_not_there_yet():
    assert log_of(Logs(LINES), Functions(), attempt(request_id="four")).note.startswith("Nothing yet")


def test_a_call_that_was_refused():
    log = log_of(Logs(LINES), Functions(), attempt(error="Lambda.TooManyRequestsException"))
    assert log.lines == [] and "did not run" in log.note
