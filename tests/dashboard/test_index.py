"""The list of executions: asked for once, and then only what is new."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

import harness.dashboard.index
from harness.dashboard.index import ExecutionIndex
from harness.dashboard.listing import Wanted
from tests.waiting import until

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class States:
    """Step Functions with as many executions as are wanted, that counts what it is asked."""

    def __init__(self, count):
        self.asked, self.rows, self.made = Counter(), [], BEGAN
        for number in range(count):
            self.add("FAILED" if number % 10 == 0 else "SUCCEEDED", number)

    def add(self, status, number):
        started = BEGAN + timedelta(seconds=number)
        row = {
            "executionArn": f"arn:aws:states:us-east-1:123456789012:execution:m:run-{number}",
            "stateMachineArn": MACHINE,
            "name": f"run-{number}",
            "status": status,
            "startDate": started,
        }
        if status != "RUNNING":
            row["stopDate"] = started + timedelta(seconds=1)
        self.rows.insert(0, row)
        return row

    def get_paginator(self, name):
        assert name == "list_state_machines"
        self.asked[name] += 1
        item = {"stateMachineArn": MACHINE, "name": "m", "creationDate": self.made}
        return type("Pages", (), {"paginate": lambda _: [{"stateMachines": [item]}]})()

    def describe_state_machine(self, stateMachineArn):
        self.asked["describe_state_machine"] += 1
        return {"definition": '{"Comment": "c"}'}

    def list_executions(self, stateMachineArn, maxResults, nextToken="0"):
        self.asked["list_executions"] += 1
        first = int(nextToken)
        answer = {"executions": [dict(row) for row in self.rows[first : first + maxResults]]}
        if first + maxResults < len(self.rows):
            answer["nextToken"] = str(first + maxResults)
        return answer

    def describe_execution(self, executionArn):
        self.asked["describe_execution"] += 1
        for row in self.rows:
            if row["executionArn"] == executionArn:
                return {**row, "input": "{}", "error": "Bad", "cause": f"number {row['name']}"}
        raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")


def listing(index, **wanted):
    index.stale()
    return index.listing(Wanted(**wanted))


def test_many_are_counted_filtered_and_paged():
    states = States(1000)
    listing(index := ExecutionIndex(states, 0))
    until(lambda: not index.listing(Wanted()).unread)
    found = listing(index)
    assert (found.counts["SUCCEEDED"], found.counts["FAILED"], found.found, found.pages) == (900, 100, 1000, 20)
    assert [row.name for row in found.rows[:2]] == ["run-999", "run-998"]
    assert [row.name for row in listing(index, page=20).rows][-1] == "run-0"
    assert listing(index, page=99).page == 20 and listing(index, page=-1).page == 1
    assert listing(index, status="FAILED").found == 100
    assert listing(index, error="Bad", name="RUN-99").found == 1
    assert listing(index, machine="other").found == 0
    assert found.errors == ["Bad"] and found.unread == 0


def test_what_is_known_is_not_asked_for_again():
    states = States(3000)
    index = ExecutionIndex(states, 0, details=False)
    first = listing(index)
    assert first.rows[0].name == "run-2999" and first.found >= 1000  # the newest at once; what is older follows
    until(lambda: not index.listing(Wanted()).older)
    assert listing(index).found == 3000
    until(lambda: not listing(index).unread)
    states.asked.clear()
    states.add("FAILED", 3000)
    found = listing(index)
    assert found.rows[0].name == "run-3000" and found.rows[0].reason.words == "number run-3000"
    assert states.asked["list_executions"] == 1 and states.asked["describe_execution"] == 1
    version = index.version
    listing(index)
    assert index.version == version


def test_an_answer_is_good_for_a_while():
    states = States(10)
    index = ExecutionIndex(states, 3600)
    for _ in range(5):
        index.listing(Wanted())
    assert states.asked["list_executions"] == 1


def test_one_that_runs_is_followed_to_its_end_however_old_it_is():
    states = States(0)
    row = states.add("RUNNING", 0)
    for number in range(1, 300):
        states.add("SUCCEEDED", number)
    index = ExecutionIndex(states, 0, details=False)
    assert listing(index).counts["RUNNING"] == 1
    row["status"], row["stopDate"] = "FAILED", BEGAN + timedelta(hours=1)
    found = listing(index, status="FAILED")
    assert found.counts["RUNNING"] == 0 and found.rows[0].seconds == 3600
    assert found.rows[0].reason is not None


def test_the_index_is_bounded(monkeypatch):
    monkeypatch.setattr(harness.dashboard.index, "MOST_EXECUTIONS", 200)
    index = ExecutionIndex(States(2500), 0, details=False)
    assert listing(index).found == 200
    monkeypatch.setattr(harness.dashboard.index, "MOST_EXECUTIONS", 2200)
    index = ExecutionIndex(States(2500), 0, details=False)
    listing(index)
    until(lambda: not index.listing(Wanted()).older)
    found = listing(index)
    assert found.found == 2200 and found.rows[0].name == "run-2499"


def test_another_machine_of_the_same_name_has_other_executions():
    states = States(20)
    index = ExecutionIndex(states, 0)
    listing(index)
    states.rows, states.made = [], BEGAN + timedelta(days=1)
    states.add("SUCCEEDED", 1)
    assert listing(index).found == 1
