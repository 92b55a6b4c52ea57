"""Map Runs without an emulator: a host that holds children until the test ends them."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.stepfunctions.integrations.reach import Answer, Caller, Refused
from harness.emulator.stepfunctions.map_runs.batches import MOST_BYTES, BatchError, in_batches
from harness.emulator.stepfunctions.map_runs.driver import MapRunDriver
from harness.emulator.stepfunctions.map_runs.run import Ended
from harness.states_language.effects import Failure, MapRunStarted, Result, RunMap

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:e"


class Host:
    """Runs children that the test ends."""

    def __init__(self, refused=None):
        self.running, self.replies, self.stopped, self.most = {}, [], [], 0
        self.time, self.refused = 0.0, refused

    def now(self):
        self.time += 1
        return self.time

    def reply(self, reply):
        self.replies.append(reply)

    def refusal(self):
        return self.refused

    def aside(self, job, done):
        done(job())

    def start(self, run, child):
        self.running[child.arn] = child
        self.most = max(self.most, len(self.running))

    def stop(self, child):
        self.stopped.append(child)

    def keep(self, run):
        self.kept = run.describe()


class Bucket:
    """As much of S3 as Map Runs call."""

    def __init__(self, **objects):
        self.objects = objects

    def __call__(self, service, operation, parameters, caller):
        key = parameters.get("Key")
        if operation == "PutObject":
            self.objects[key] = parameters["Body"]
        elif operation == "GetObject" and key not in self.objects:
            raise Refused("NoSuchKey", "The specified key does not exist.", 404, "id", "more")
        return Answer({"Body": self.objects.get(key)}, "id")


def driver(host, s3=None, before=None, **members):
    effect = RunMap(1, "Map", label="L", **members)
    made = MapRunDriver(effect, MACHINE, EXECUTION, s3 or Bucket(), Caller("us-east-1", "1"), host, before)
    made.start()
    return made


def finish(made, host, child, status="SUCCEEDED", output=None):
    del host.running[child.arn]
    made.ended(child, Ended(status, 1.0, 2.0, output if output is not None else child.input, None, None))


def finish_all(made, host, **more):
    while host.running:
        finish(made, host, random.Random(1).choice(list(host.running.values())), **more)


@given(st.lists(st.integers(), max_size=40), st.integers(0, 7))
def test_outputs_come_in_the_order_of_the_items_whatever_ends_first(items, most):
    host = Host()
    made = driver(host, items=items, max_concurrency=most)
    finish_all(made, host)
    assert host.replies == [MapRunStarted(made.run.arn), Result(items)]
    assert host.most <= (most or len(items))
    assert host.kept["status"] == "SUCCEEDED"
    assert host.kept["executionCounts"]["succeeded"] == host.kept["itemCounts"]["total"] == len(items)


@given(
    st.lists(st.booleans(), min_size=1, max_size=30),
    st.none() | st.integers(0, 30),
    st.none() | st.floats(0, 100),
)
def test_a_map_run_fails_once_more_items_failed_than_are_tolerated(outcomes, count, percentage):
    host = Host()
    made = driver(host, items=outcomes, tolerated_count=count, tolerated_percentage=percentage)
    for child in list(host.running.values()):
        if not host.stopped:
            finish(made, host, child, "SUCCEEDED" if json.loads(child.input) else "FAILED")
    for child in host.stopped:
        finish(made, host, child, "ABORTED")
    failed = outcomes.count(False)
    limits = [
        limit
        for limit in (count, percentage and percentage * len(outcomes) / 100 if percentage is not None else None)
        if limit is not None
    ]
    over = failed > min(limits, default=0)
    (_, reply) = host.replies
    assert isinstance(reply, Failure) == over
    if over:
        assert reply.error == "States.ExceedToleratedFailureThreshold"


def test_a_redrive_runs_only_what_did_not_succeed():
    host = Host()
    made = driver(host, items=[1, 2, 3], max_concurrency=1)
    finish(made, host, next(iter(host.running.values())))
    finish(made, host, next(iter(host.running.values())), "FAILED")
    assert made.run.status == "FAILED" and len(made.run.pending) == 1
    again = Host()
    made = driver(again, before=made.run)
    assert again.replies == [MapRunStarted(made.run.arn, 1)]
    assert again.kept["itemCounts"]["pendingRedrive"] == 1
    finish_all(made, again)
    assert again.replies[1] == Result([1, 2, 3])
    assert made.run.redrives == 1


def test_stopping_stops_the_children_and_answers_nothing():
    host = Host()
    made = driver(host, items=[1, 2])
    made.cancel()
    assert len(host.stopped) == 2 and host.kept["status"] == "ABORTED"
    for child in host.stopped:
        finish(made, host, child, "ABORTED")
    assert len(host.replies) == 1


@pytest.mark.parametrize(
    "config, body, items",
    [
        ({"InputType": "JSON"}, b'{"a": 1}', [{"Key": "a", "Value": 1}]),
        ({"InputType": "JSON", "ItemsPointer": "/x/y"}, b'{"x": {"y": [1, 2]}}', [1, 2]),
        ({"InputType": "JSONL", "MaxItems": 1}, b'{"a": 1}\n\n{"a": 2}\n', [{"a": 1}]),
        (
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            b"a,b\n1\n2,3,4\n",
            [{"a": "1", "b": ""}, {"a": "2", "b": "3"}],
        ),
        (
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "TAB"},
            b"1\t2\n",
            [{"a": "1"}],
        ),
        ({"InputType": "CSV"}, b"0,True,{}\n1,2,3\n", [{"0": "1", "{}": "3", "True": "2"}]),
        ({"InputType": "JSONL", "ManifestType": "ATHENA_DATA"}, b"s3://b/lines\n", [{"n": 1}]),
    ],
)
def test_items_are_read(config, body, items):
    host = Host()
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "k"},
        "ReaderConfig": config,
    }
    made = driver(host, Bucket(k=body, lines=b'{"n":1}'), reader=reader)
    finish_all(made, host)
    assert json.dumps(host.replies[1].value) == json.dumps(items)


@pytest.mark.parametrize(
    "config, body, cause",
    [
        ({"InputType": "JSON"}, b"1", "Attempting to map over non-iterable node."),
        ({"InputType": "JSON", "MaxItems": -1}, b"[]", "field MaxItems must be positive"),
        ({"InputType": "CSV"}, b"a,a\n1,2\n", "CSV headers cannot contain duplicates."),
        (
            {"InputType": "JSON"},
            None,
            "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: id",
        ),
    ],
)
def test_what_cannot_be_read_fails_the_reader(config, body, cause):
    host = Host()
    s3 = Bucket() if body is None else Bucket(k=body)
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "k"},
        "ReaderConfig": config,
    }
    driver(host, s3, reader=reader)
    assert host.replies[1].error == "States.ItemReaderFailed" and cause in host.replies[1].cause
    assert host.kept["status"] == "FAILED"


@pytest.mark.parametrize(
    "where, source",
    [
        ({"items": [1]}, "STATE_DATA"),
        (
            {"reader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}},
            "S3://b/k",
        ),
    ],
)
def test_items_say_where_they_come_from(where, source):
    host = Host()
    made = driver(host, Bucket(k=b"[1]"), selector=lambda index, item, key, source: [index, item, key, source], **where)
    finish_all(made, host)
    assert host.replies[1] == Result([[0, 1, None, source]])


def test_results_are_written_with_what_was_not_started():
    host, s3 = Host(), Bucket()
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "b", "Prefix": "p"},
        "WriterConfig": {"OutputType": "JSONL", "Transformation": "COMPACT"},
    }
    made = driver(host, s3, items=[1, 2, 3], writer=writer, max_concurrency=1)
    finish(made, host, next(iter(host.running.values())))
    finish(made, host, next(iter(host.running.values())), "FAILED")
    folder = f"p/{made.run.identifier}"
    manifest = json.loads(s3.objects[f"{folder}/manifest.json"])
    assert manifest["ResultFiles"]["SUCCEEDED"] == [{"Key": f"{folder}/SUCCEEDED_0.jsonl", "Size": 2}]
    assert s3.objects[f"{folder}/SUCCEEDED_0.jsonl"] == b"1\n"
    assert json.loads(s3.objects[f"{folder}/PENDING_0.jsonl"])["Status"] == "PENDING"
    assert json.loads(s3.objects[f"{folder}/FAILED_0.jsonl"])["Status"] == "FAILED"


def test_without_the_right_to_start_children_none_is_started():
    host = Host(refused="no")
    driver(host, items=[1])
    assert host.replies[1] == Failure("States.Permissions", "no") and not host.running


@given(
    st.lists(st.text(max_size=20), max_size=30),
    st.integers(1, 5),
    st.integers(80, 400),
)
def test_batches_hold_all_items_in_order_and_are_no_larger_than_allowed(items, most_items, most_bytes):
    made = list(in_batches(items, most_items, most_bytes))
    assert [item for text, _ in made for item in json.loads(text)["Items"]] == items
    assert all(len(text.encode()) <= most_bytes and 1 <= number <= most_items for text, number in made)


def test_an_item_larger_than_a_batch_is_refused():
    with pytest.raises(BatchError):
        list(in_batches(["x" * MOST_BYTES], 1, None))
