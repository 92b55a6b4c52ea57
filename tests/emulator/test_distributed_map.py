"""Distributed Map through boto3: child executions, readers, result files, Map Runs, tolerated failures, redrive."""

import gzip
import json
import re
import time
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.stepfunctions.map_runs.batches import BatchError, in_batches
from tests.emulator.conftest import delete_role, make_role
from tests.emulator.test_states import create  # noqa: F401
from tests.waiting import execution_ended, until

PASS = {"It": {"Type": "Pass", "End": True}}
FAIL_ODD = {
    "Odd?": {
        "Type": "Choice",
        "Choices": [{"Variable": "$.odd", "BooleanEquals": True, "Next": "Bad"}],
        "Default": "Good",
    },
    "Bad": {"Type": "Fail", "Error": "Odd", "Cause": "an odd number"},
    "Good": {"Type": "Pass", "End": True},
}


@pytest.fixture(scope="module")
def client(target, role):
    return boto3.client("stepfunctions")


def machine_of(states=PASS, execution_type="STANDARD", then=None, **fields):
    """A machine of one Distributed Map, labelled Items."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
        "StartAt": next(iter(states)),
        "States": states,
    }
    state = {"Type": "Map", "Label": "Items", "ItemProcessor": processor, "MaxConcurrency": 4, **fields}
    if then is None:
        return {"StartAt": "Map", "States": {"Map": {**state, "End": True}}}
    return {"StartAt": "Map", "States": {"Map": {**state, "Next": next(iter(then))}, **then}}


def run(client, arn, value=None):
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps(value if value is not None else {}))
    return execution_ended(client, execution["executionArn"])


def kinds(client, execution_arn):
    return [event["type"] for event in client.get_execution_history(executionArn=execution_arn)["events"]]


def map_run(client, execution_arn):
    (run,) = client.list_map_runs(executionArn=execution_arn)["mapRuns"]
    return client.describe_map_run(mapRunArn=run["mapRunArn"])


def children(client, run, **more):
    pages = client.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"], **more)
    return [item for page in pages for item in page["executions"]]


def test_each_item_is_an_execution_of_its_own(client, create):  # noqa: F811
    arn = create(machine_of())
    answer = run(client, arn, [{"n": 1}, {"n": 2}, {"n": 3}])
    assert json.loads(answer["output"]) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert kinds(client, answer["executionArn"]) == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    name = arn.rpartition(":")[2]
    described = map_run(client, answer["executionArn"])
    assert described["mapRunArn"].startswith(f"arn:aws:states:us-east-1:123456789012:mapRun:{name}/Items:")
    assert (described["status"], described["executionArn"]) == ("SUCCEEDED", answer["executionArn"])
    counts = {"total": 3, "succeeded": 3, "failed": 0, "running": 0, "pending": 0, "timedOut": 0, "aborted": 0}
    assert counts.items() <= described["itemCounts"].items()
    assert counts.items() <= described["executionCounts"].items()
    found = children(client, described)
    assert len(found) == 3
    for item in found:
        assert item["executionArn"].startswith(f"arn:aws:states:us-east-1:123456789012:execution:{name}/Items:")
        assert item["stateMachineArn"] == f"{arn}/Items"
        assert (item["mapRunArn"], item["status"]) == (described["mapRunArn"], "SUCCEEDED")
        child = client.describe_execution(executionArn=item["executionArn"])
        assert child["mapRunArn"] == described["mapRunArn"]
        assert json.loads(child["input"]) == json.loads(child["output"])
        assert kinds(client, item["executionArn"]) == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
    assert client.list_executions(stateMachineArn=arn)["executions"][0]["executionArn"] == answer["executionArn"]
    assert len(children(client, described, PaginationConfig={"PageSize": 2})) == 3
    assert children(client, described, statusFilter="FAILED") == []


def put(s3, bucket, key, body):
    s3.put_object(Bucket=bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)
    return {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": bucket, "Key": key}}


LST = {
    "InputType": "CSV",
    "CSVDelimiter": "TAB",
    "CSVHeaderLocation": "GIVEN",
    "CSVHeaders": ["row", "label", "path"],
}


@pytest.mark.parametrize(
    ("config", "body", "items"),
    [
        (
            LST,
            "0\t1\ta.png\n7\t0\tb c.png\n",
            [{"row": "0", "label": "1", "path": "a.png"}, {"row": "7", "label": "0", "path": "b c.png"}],
        ),
        (LST, "0\t1\n", [{"row": "0", "label": "1", "path": ""}]),
        (
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            'a,b\n1,"x,y"\n2,z,more\n',
            [{"a": "1", "b": "x,y"}, {"a": "2", "b": "z"}],
        ),
        ({"InputType": "JSON"}, '[1, {"a": 2}]', [1, {"a": 2}]),
        ({"InputType": "JSON"}, '{"k": 1}', [{"Key": "k", "Value": 1}]),
        ({"InputType": "JSON", "ItemsPointer": "/a/b"}, '{"a": {"b": [1, 2]}}', [1, 2]),
        ({"InputType": "JSONL"}, '{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ({"InputType": "JSONL", "MaxItems": 1}, '{"a": 1}\n{"a": 2}\n', [{"a": 1}]),
        ({"InputType": "JSON"}, "[]", []),
    ],
)
def test_items_are_read_from_s3(client, create, s3, bucket, config, body, items):  # noqa: F811
    reader = {**put(s3, bucket, "items", body), "ReaderConfig": config}
    answer = run(client, create(machine_of(ItemReader=reader)))
    assert json.loads(answer["output"]) == items


def test_items_are_listed_with_the_fields_that_aws_gives_them(client, create, s3, bucket):  # noqa: F811
    for number in range(3):
        put(s3, bucket, f"listed/{number}", "x" * number)
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": bucket, "Prefix.$": "$.prefix"}}
    answer = run(client, create(machine_of(ItemReader=reader)), {"prefix": "listed/"})
    items = json.loads(answer["output"])
    assert [item["Key"] for item in items] == ["listed/0", "listed/1", "listed/2"]
    assert {*items[2]} == {"Etag", "Key", "LastModified", "Size", "StorageClass"}
    assert (items[2]["Size"], items[2]["StorageClass"]) == (2, "STANDARD")
    assert abs(items[2]["LastModified"] - time.time()) < 600
    assert re.search(r'"LastModified":1\.\d+E9,', answer["output"])


def test_an_inventory_is_followed_to_its_files(client, create, s3, bucket):  # noqa: F811
    put(s3, bucket, "inventory/1.csv.gz", gzip.compress(f'"{bucket}","a.png","3"\n"{bucket}","b.png","4"\n'.encode()))
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{bucket}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [{"key": "inventory/1.csv.gz", "size": 1, "MD5checksum": ""}],
    }
    reader = put(s3, bucket, "inventory/manifest.json", json.dumps(manifest))
    answer = run(client, create(machine_of(ItemReader={**reader, "ReaderConfig": {"InputType": "MANIFEST"}})))
    assert json.loads(answer["output"])[1] == {"Bucket": bucket, "Key": "b.png", "Size": "4"}


@pytest.mark.parametrize(
    ("config", "body", "cause"),
    [
        ({"InputType": "JSONL"}, '{"a": 1}\n{"a": \n', "line 2 of the JSON Lines object"),
        ({"InputType": "JSON"}, "7", "Attempting to map over non-iterable node."),
        ({"InputType": "JSON"}, "[1,", "Unable to parse the JSON object"),
        (
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "a,a\n1,2\n",
            "CSV headers cannot contain duplicates.",
        ),
        ({"InputType": "MANIFEST"}, "{}", "not an S3 inventory's manifest.json"),
        ({"InputType": "JSON"}, b"\xff\xfe[", "not UTF-8"),
    ],
)
def test_what_cannot_be_read_fails_the_reader(client, create, s3, bucket, config, body, cause):  # noqa: F811
    reader = {**put(s3, bucket, "broken", body), "ReaderConfig": config}
    answer = run(client, create(machine_of(ItemReader=reader)))
    assert (answer["status"], answer["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert cause in answer["cause"]


def test_a_missing_object_fails_the_reader_and_can_be_caught(client, create, s3, bucket):  # noqa: F811
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": bucket, "Key": "nowhere"}}
    catch = [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "Caught"}]
    caught = {"Caught": {"Type": "Pass", "End": True}}
    answer = run(
        client,
        create(machine_of(ItemReader={**reader, "ReaderConfig": {"InputType": "JSON"}}, Catch=catch, then=caught)),
    )
    assert answer["status"] == "SUCCEEDED"
    error = json.loads(answer["output"])
    assert error["Error"] == "States.ItemReaderFailed"
    assert error["Cause"].startswith("The specified key does not exist. (Service: S3, Status Code: 404, Request ID: ")
    assert kinds(client, answer["executionArn"])[3:6] == ["MapRunStarted", "MapRunFailed", "MapStateFailed"]


def test_the_roles_rights_are_asked_for(client, s3, bucket, create):  # noqa: F811
    name = f"map-{uuid.uuid4().hex[:6]}"
    role = make_role(name, {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"})
    reader = {**put(s3, bucket, "items", "[1]"), "ReaderConfig": {"InputType": "JSON"}}

    def outcome(**fields):
        arn = create(machine_of(**fields))
        client.update_state_machine(stateMachineArn=arn, roleArn=role)
        return run(client, arn, [1])

    try:
        answer = outcome(ItemReader=reader)
        assert answer["error"] == "States.ItemReaderFailed"
        assert "not authorized to perform: s3:GetObject" in answer["cause"]
        answer = outcome()
        run_ = map_run(client, answer["executionArn"])
        assert answer["status"] == "FAILED"
        assert "states:StartExecution" in answer["cause"]
        assert run_["status"] == "FAILED"
    finally:
        delete_role(name)


def test_failures_are_tolerated_up_to_a_percentage(client, create):  # noqa: F811
    items = [{"odd": number % 4 == 1, "n": number} for number in range(20)]
    answer = run(client, create(machine_of(FAIL_ODD, ToleratedFailurePercentage=25)), items)
    assert answer["status"] == "SUCCEEDED"
    assert [item["n"] for item in json.loads(answer["output"])] == [n for n in range(20) if n % 4 != 1]
    counts = map_run(client, answer["executionArn"])["itemCounts"]
    assert (counts["succeeded"], counts["failed"]) == (15, 5)
    answer = run(client, create(machine_of(FAIL_ODD, ToleratedFailurePercentage=24)), items)
    assert answer["error"] == "States.ExceedToleratedFailureThreshold"
    assert answer["cause"] == "The specified tolerated failure threshold was exceeded"
    assert run(client, create(machine_of(FAIL_ODD, ToleratedFailureCount=5)), items)["status"] == "SUCCEEDED"
    assert run(client, create(machine_of(FAIL_ODD, ToleratedFailureCount=4)), items)["status"] == "FAILED"
    assert run(client, create(machine_of(FAIL_ODD)), items)["status"] == "FAILED"


def results(s3, answer, group, key=None):
    details = answer["ResultWriterDetails"]
    manifest = json.loads(s3.get_object(Bucket=details["Bucket"], Key=details["Key"])["Body"].read())
    assert {*manifest} == {"DestinationBucket", "MapRunArn", "ResultFiles"}
    (file,) = manifest["ResultFiles"][group]
    body = s3.get_object(Bucket=details["Bucket"], Key=file["Key"])["Body"].read()
    assert file["Size"] == len(body)
    return file["Key"], body


def test_results_are_written_to_s3(client, create, s3, bucket):  # noqa: F811
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": bucket, "Prefix": "results"}}
    machine = machine_of(FAIL_ODD, ToleratedFailurePercentage=60, ResultWriter=writer)
    answer = run(client, create(machine), [{"odd": False}, {"odd": True}])
    output = json.loads(answer["output"])
    identifier = output["MapRunArn"].rpartition(":")[2]
    assert output["ResultWriterDetails"] == {"Bucket": bucket, "Key": f"results/{identifier}/manifest.json"}
    key, body = results(s3, output, "SUCCEEDED")
    assert key == f"results/{identifier}/SUCCEEDED_0.json"
    (record,) = json.loads(body)
    assert {*record} == {
        *("ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "RedriveCount", "RedriveStatus"),
        *("RedriveStatusReason", "StartDate", "StateMachineArn", "Status", "StopDate"),
    }
    assert (record["Status"], record["Input"], record["Output"]) == ("SUCCEEDED", '{"odd":false}', '{"odd":false}')
    _, body = results(s3, output, "FAILED")
    (record,) = json.loads(body)
    assert (record["Error"], record["Cause"], record["Status"]) == ("Odd", "an odd number", "FAILED")
    counts = map_run(client, answer["executionArn"])["itemCounts"]
    assert counts["resultsWritten"] == 2


def test_results_can_be_lines_of_outputs_alone(client, create, s3, bucket):  # noqa: F811
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": bucket, "Prefix": "lines"},
        "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"},
    }
    answer = run(client, create(machine_of(ResultWriter=writer)), [[1, 2], [3]])
    _, body = results(s3, json.loads(answer["output"]), "SUCCEEDED")
    assert body == b"1\n2\n3\n"


def test_results_that_cannot_be_written_fail_the_map(client, create):  # noqa: F811
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "no-such-bucket", "Prefix": ""}}
    answer = run(client, create(machine_of(ResultWriter=writer)), [1])
    assert answer["error"] == "States.ResultWriterFailed"
    assert "Status Code: 404" in answer["cause"]


def test_what_was_never_started_is_listed_as_pending(client, create, s3, bucket):  # noqa: F811
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": bucket, "Prefix": "pending"}}
    machine = machine_of(FAIL_ODD, MaxConcurrency=1, ResultWriter=writer)
    answer = run(client, create(machine), [{"odd": True}, *[{"odd": False}] * 9])
    counts = map_run(client, answer["executionArn"])["itemCounts"]
    assert (counts["failed"], counts["pending"]) == (1, 9)
    page = s3.list_objects_v2(Bucket=bucket, Prefix="pending/")["Contents"]
    (key,) = [item["Key"] for item in page if item["Key"].endswith("PENDING_0.json")]
    records = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert records == [{"Input": '{"odd":false}', "InputDetails": {"Included": True}, "Status": "PENDING"}] * 9


def test_items_go_in_batches(client, create):  # noqa: F811
    batcher = {"MaxItemsPerBatchPath": "$.size", "BatchInput": {"all.$": "$.of"}}
    fields = {
        "ItemsPath": "$.items",
        "ItemSelector": {"index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value", "of.$": "$.of"},
        "ItemBatcher": batcher,
    }
    answer = run(client, create(machine_of(**fields)), {"items": ["a", "b", "c"], "size": 2, "of": "x"})
    first, second = json.loads(answer["output"])
    assert first["BatchInput"] == {"all": "x"}
    assert first["Items"] == [{"index": 0, "value": "a", "of": "x"}, {"index": 1, "value": "b", "of": "x"}]
    assert second["Items"] == [{"index": 2, "value": "c", "of": "x"}]
    described = map_run(client, answer["executionArn"])
    assert (described["itemCounts"]["total"], described["executionCounts"]["total"]) == (3, 2)


@given(
    items=st.lists(st.one_of(st.integers(), st.text(max_size=40)), max_size=60),
    most_items=st.one_of(st.none(), st.integers(1, 9)),
    most_bytes=st.one_of(st.none(), st.integers(300, 900)),
)
def test_batches_hold_all_items_in_order_and_are_no_larger_than_allowed(items, most_items, most_bytes):
    batches = list(in_batches(items, most_items, most_bytes, {"all": 1}))
    read = [json.loads(text)["Items"] for text, _ in batches]
    assert [item for batch in read for item in batch] == items
    assert [len(batch) for batch in read] == [count for _, count in batches]
    assert all(batch for batch in read)
    assert all(len(batch) <= (most_items or len(batch)) for batch in read)
    assert all(len(text.encode()) <= (most_bytes or 262_144) for text, _ in batches)


def test_an_item_larger_than_a_batch_is_refused():
    with pytest.raises(BatchError, match="larger than a batch"):
        list(in_batches(["x" * 300], None, 200))


def test_jsonata_is_taken_too(client, create, s3, bucket):  # noqa: F811
    reader = put(s3, bucket, "jsonata.json", "[1, 2, 3]")
    machine = machine_of(
        {"It": {"Type": "Pass", "Output": "{% $states.input.Items[0].twice %}", "End": True}},
        ItemReader={
            "Resource": reader["Resource"],
            "Arguments": {"Bucket": "{% $states.input.bucket %}", "Key": "jsonata.json"},
            "ReaderConfig": {"InputType": "JSON", "MaxItems": "{% 1 + 1 %}"},
        },
        ItemSelector={"twice": "{% $states.context.Map.Item.Value * 2 %}"},
        ItemBatcher={"MaxItemsPerBatch": "{% 1 %}"},
        MaxConcurrency=2,
    )
    machine["QueryLanguage"] = "JSONata"
    answer = run(client, create(machine), {"bucket": bucket})
    assert json.loads(answer["output"]) == [2, 4]


def test_express_children_leave_results_and_no_history(client, create):  # noqa: F811
    answer = run(client, create(machine_of(execution_type="EXPRESS")), [1, 2])
    assert json.loads(answer["output"]) == [1, 2]
    described = map_run(client, answer["executionArn"])
    assert described["executionCounts"]["succeeded"] == 2


def test_children_try_again_on_the_test_clock(client, create, clock):  # noqa: F811
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "nowhere"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 600, "MaxAttempts": 2}],
        "End": True,
    }
    answer = run(client, create(machine_of({"Call": task}, ToleratedFailurePercentage=100)), [1, 2, 3])
    assert answer["status"] == "SUCCEEDED"
    assert (answer["stopDate"] - answer["startDate"]).total_seconds() >= 1800


WAIT = {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}


def test_stopping_the_parent_stops_the_children(client, create):  # noqa: F811
    arn = create(machine_of(WAIT, MaxConcurrency=2))
    execution = client.start_execution(stateMachineArn=arn, input="[1, 2, 3]")["executionArn"]
    until(lambda: client.list_map_runs(executionArn=execution)["mapRuns"])
    until(lambda: map_run(client, execution)["itemCounts"]["running"] == 2)
    assert [item["status"] for item in children(client, map_run(client, execution))] == ["RUNNING"] * 2
    client.stop_execution(executionArn=execution)
    until(lambda: map_run(client, execution)["status"] == "ABORTED")
    counts = map_run(client, execution)["itemCounts"]
    assert (counts["aborted"], counts["pending"], counts["running"]) == (2, 1, 0)
    assert {item["status"] for item in children(client, map_run(client, execution))} == {"ABORTED"}


def test_a_map_run_that_runs_can_be_changed(client, create):  # noqa: F811
    arn = create(machine_of(WAIT, MaxConcurrency=1))
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps([1] * 6))["executionArn"]
    until(lambda: client.list_map_runs(executionArn=execution)["mapRuns"])
    until(lambda: map_run(client, execution)["itemCounts"]["running"] == 1)
    run_arn = map_run(client, execution)["mapRunArn"]
    client.update_map_run(mapRunArn=run_arn, maxConcurrency=4, toleratedFailureCount=3)
    until(lambda: map_run(client, execution)["itemCounts"]["running"] == 4)
    assert map_run(client, execution)["toleratedFailureCount"] == 3
    client.stop_execution(executionArn=execution)


def test_an_unknown_map_run_is_refused(client):
    arn = "arn:aws:states:us-east-1:123456789012:mapRun:nothing/Items:5d29967f-2d7e-45e9-8f30-3da4d6a5367c"
    with pytest.raises(ClientError) as refused:
        client.describe_map_run(mapRunArn=arn)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ItemBatcher": {}}, "At least one of these fields is required.*/ItemBatcher"),
        ({"ResultWriter": {}}, "Value cannot be empty at .*/ResultWriter"),
        (
            {"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "XML"}}},
            "InputType",
        ),
        (
            {
                "execution_type": "EXPRESS",
                "states": {
                    "N": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::states:startExecution.sync:2",
                        "Parameters": {"StateMachineArn": "x"},
                        "End": True,
                    }
                },
            },
            "Express",
        ),
    ],
)
def test_definitions_that_make_no_sense_are_refused(client, create, fields, words):  # noqa: F811
    with pytest.raises(ClientError, match=words) as refused:
        create(machine_of(**fields))
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


# Redrive


def fragile(bucket):
    """Each item reads an object: it fails where there is none."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn.$": "$.machine", "Input": {"key.$": "$.key"}},
        "End": True,
    }
    return {"First": {"Type": "Pass", "Next": "Call"}, "Call": task}


def test_a_redrive_runs_only_what_failed(client, create, s3, bucket):  # noqa: F811
    inner_reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": bucket, "Key.$": "$.key"},
        "ReaderConfig": {"InputType": "JSON"},
    }
    inner = create(machine_of(ItemReader=inner_reader))
    keys = [f"redrive/{number}" for number in range(4)]
    for key in keys[:3]:
        put(s3, bucket, key, "[1]")
    arn = create(machine_of(fragile(bucket), MaxConcurrency=1))
    answer = run(client, arn, [{"machine": inner, "key": key} for key in keys])
    assert answer["error"] == "States.ExceedToleratedFailureThreshold"
    assert answer["redriveStatus"] == "REDRIVABLE"
    execution, before = answer["executionArn"], map_run(client, answer["executionArn"])
    assert before["itemCounts"]["succeeded"] == 3
    runs_before = len(client.list_executions(stateMachineArn=inner)["executions"])
    put(s3, bucket, keys[3], "[2]")
    client.redrive_execution(executionArn=execution)
    answer = execution_ended(client, execution)
    assert answer["status"] == "SUCCEEDED", answer
    assert len(json.loads(answer["output"])) == 4
    assert (answer["redriveCount"], "redriveDate" in answer) == (1, True)
    after = map_run(client, execution)
    assert (after["mapRunArn"], after["redriveCount"]) == (before["mapRunArn"], 1)
    assert (after["itemCounts"]["succeeded"], after["itemCounts"]["failed"]) == (4, 0)
    assert len(client.list_executions(stateMachineArn=inner)["executions"]) == runs_before + 1
    history = kinds(client, execution)
    assert history.count("MapStateEntered") == 1
    assert history[history.index("ExecutionRedriven") :] == [
        "ExecutionRedriven",
        "MapRunRedriven",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    (redriven,) = [item for item in children(client, after) if item.get("redriveCount")]
    history = kinds(client, redriven["executionArn"])
    assert history.count("PassStateEntered") == history.count("TaskStateEntered") == 1
    assert history.count("TaskScheduled") == 2
    ids = [e["id"] for e in client.get_execution_history(executionArn=redriven["executionArn"])["events"]]
    assert ids == list(range(1, len(ids) + 1))


def test_a_map_run_without_children_is_begun_anew_by_a_redrive(client, create, s3, bucket):  # noqa: F811
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": bucket, "Key": f"late/{uuid.uuid4().hex}"},
        "ReaderConfig": {"InputType": "JSON"},
    }
    answer = run(client, create(machine_of(ItemReader=reader)))
    assert answer["error"] == "States.ItemReaderFailed"
    put(s3, bucket, reader["Parameters"]["Key"], "[1]")
    client.redrive_execution(executionArn=answer["executionArn"])
    answer = execution_ended(client, answer["executionArn"])
    assert json.loads(answer["output"]) == [1]
    history = kinds(client, answer["executionArn"])
    assert history[history.index("ExecutionRedriven") + 1 :][:3] == [
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
    ]
    assert len(client.list_map_runs(executionArn=answer["executionArn"])["mapRuns"]) == 2


def test_what_succeeded_cannot_be_redriven(client, create):  # noqa: F811
    answer = run(client, create(machine_of()), [1])
    with pytest.raises(ClientError) as refused:
        client.redrive_execution(executionArn=answer["executionArn"])
    assert refused.value.response["Error"]["Code"] == "ExecutionNotRedrivable"


# Nested workflows


def nested(inner):
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": inner, "Input": {"n": 1}},
        "End": True,
    }
    return {"StartAt": "Call", "States": {"Call": task}}


def test_a_nested_workflow_is_waited_for(client, create):  # noqa: F811
    inner = create({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    answer = run(client, create(nested(inner)))
    assert kinds(client, answer["executionArn"])[1:-1] == [
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
    ]
    output = json.loads(answer["output"])
    assert (output["Status"], output["Output"], output["Input"]) == ("SUCCEEDED", {"n": 1}, {"n": 1})
    assert output["InputDetails"] == {"Included": True}
    (listed,) = client.list_executions(stateMachineArn=inner)["executions"]
    assert listed["executionArn"] == output["ExecutionArn"]
    assert client.describe_execution(executionArn=output["ExecutionArn"])["status"] == "SUCCEEDED"
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=inner, name=listed["name"])


def test_the_machine_of_a_nested_execution_is_told(client, create):  # noqa: F811
    inner = create({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    run(client, create(nested(inner)))
    (listed,) = client.list_executions(stateMachineArn=inner)["executions"]
    told = client.describe_state_machine_for_execution(executionArn=listed["executionArn"])
    machine = client.describe_state_machine(stateMachineArn=inner)
    assert (told["stateMachineArn"], told["name"]) == (inner, machine["name"])
    assert json.loads(told["definition"]) == json.loads(machine["definition"])
    assert "mapRunArn" not in told


def test_a_machine_that_is_made_again_has_no_executions_of_the_one_before(client, create, role):  # noqa: F811
    inner = create({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    run(client, create(nested(inner)))
    (listed,) = client.list_executions(stateMachineArn=inner)["executions"]
    definition = client.describe_state_machine(stateMachineArn=inner)["definition"]
    client.delete_state_machine(stateMachineArn=inner)
    made = client.create_state_machine(name=inner.rpartition(":")[2], definition=definition, roleArn=role)
    assert made["stateMachineArn"] == inner
    assert client.list_executions(stateMachineArn=inner)["executions"] == []
    client.start_execution(stateMachineArn=inner, name=listed["name"])


def test_a_nested_workflow_that_fails_fails_its_task_with_its_description(client, create):  # noqa: F811
    inner = create({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Unsure", "Cause": "0.5"}}})
    answer = run(client, create(nested(inner)))
    assert answer["error"] == "States.TaskFailed"
    cause = json.loads(answer["cause"])
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("Unsure", "0.5", "FAILED")


def test_a_nested_workflow_needs_the_rule_that_tells_of_its_end(client, create):  # noqa: F811
    inner = create({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    name = f"map-{uuid.uuid4().hex[:6]}"
    role = make_role(name, {"Effect": "Allow", "Action": "states:*", "Resource": "*"})
    try:
        with pytest.raises(ClientError, match="not authorized to create managed-rule") as refused:
            client.create_state_machine(name=name, definition=json.dumps(nested(inner)), roleArn=role)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    finally:
        delete_role(name)


def test_starting_a_nested_workflow_needs_the_right_to(client, create):  # noqa: F811
    inner = create({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    name = f"map-{uuid.uuid4().hex[:6]}"
    role = make_role(name, {"Effect": "Allow", "Action": "events:*", "Resource": "*"})
    arn = create(nested(inner))
    client.update_state_machine(stateMachineArn=arn, roleArn=role)
    try:
        answer = run(client, arn)
        assert answer["error"] == "StepFunctions.AWSStepFunctionsException"
        assert f"not authorized to perform: states:StartExecution on resource: {inner}" in answer["cause"]
    finally:
        delete_role(name)


def test_a_nested_workflow_goes_by_the_time_of_the_one_that_started_it(client, create, clock):  # noqa: F811
    inner = create({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    answer = run(client, create(nested(inner)))
    assert answer["status"] == "SUCCEEDED"
    assert (answer["stopDate"] - answer["startDate"]).total_seconds() >= 3600


def test_an_execution_is_redriven_from_the_state_that_failed(client, create, faults):  # noqa: F811
    inner = create({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})
    machine = nested(inner)
    machine["StartAt"] = "Before"
    machine["States"]["Before"] = {"Type": "Pass", "Result": {"n": 7}, "Next": "Call"}
    arn = create(machine)
    faults.add(state="Call", error="States.TaskFailed", times=1)
    answer = run(client, arn)
    assert (answer["status"], answer["redriveCount"]) == ("FAILED", 0)
    client.redrive_execution(executionArn=answer["executionArn"])
    again = execution_ended(client, answer["executionArn"])
    assert (again["status"], again["redriveCount"]) == ("SUCCEEDED", 1)
    history = client.get_execution_history(executionArn=answer["executionArn"])["events"]
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))
    kinds_ = [event["type"] for event in history]
    assert kinds_.count("PassStateEntered") == kinds_.count("TaskStateEntered") == 1
    assert kinds_[kinds_.index("ExecutionFailed") : -3] == [
        "ExecutionFailed",
        "ExecutionRedriven",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
    ]
    redriven = history[kinds_.index("ExecutionRedriven")]
    assert redriven["executionRedrivenEventDetails"] == {"redriveCount": 1}
