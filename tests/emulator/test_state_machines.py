"""State machines, their versions, aliases and executions, as Step Functions' API has them."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.emulator.test_clock import finish

PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "Nope", "Cause": "because"}}}


@pytest.fixture(scope="module")
def states(target):
    return boto3.client("stepfunctions")


@pytest.fixture
def create(states, role, request):
    def make(definition=PASS, **more):
        answer = states.create_state_machine(
            name=f"api-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=role, **more
        )
        request.addfinalizer(lambda: states.delete_state_machine(stateMachineArn=answer["stateMachineArn"]))
        return answer["stateMachineArn"]

    return make


def refusal(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


def test_a_machine_is_made_once_and_asked_for_again(states, create, role):
    arn = create()
    again = {"name": arn.rpartition(":")[2], "roleArn": role}
    assert states.create_state_machine(definition=json.dumps(PASS), **again)["stateMachineArn"] == arn
    code, _ = refusal(states.create_state_machine, definition=json.dumps(WAIT), **again)
    assert code == "StateMachineAlreadyExists"
    described = states.describe_state_machine(stateMachineArn=arn)
    assert (described["status"], described["type"]) == ("ACTIVE", "STANDARD")
    assert described["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert "revisionId" not in described


def test_a_machine_that_is_deleted_is_gone_once_nothing_runs(states, create):
    arn = create(WAIT)
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    states.describe_execution(executionArn=execution)
    states.delete_state_machine(stateMachineArn=arn)
    assert states.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
    assert refusal(states.start_execution, stateMachineArn=arn)[0] == "StateMachineDeleting"
    states.stop_execution(executionArn=execution)
    assert refusal(states.describe_state_machine, stateMachineArn=arn)[0] == "StateMachineDoesNotExist"
    states.delete_state_machine(stateMachineArn=arn)


def test_versions_stay_as_they_are_published(states, create):
    arn = create()
    first = states.publish_state_machine_version(stateMachineArn=arn, description="one")["stateMachineVersionArn"]
    assert first == f"{arn}:1"
    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == first
    revision = states.update_state_machine(stateMachineArn=arn, definition=json.dumps(FAIL))["revisionId"]
    second = states.publish_state_machine_version(stateMachineArn=arn, revisionId=revision)
    assert second["stateMachineVersionArn"] == f"{arn}:2"
    assert json.loads(states.describe_state_machine(stateMachineArn=first)["definition"]) == PASS
    answer, _ = finish(states, states.start_execution(stateMachineArn=first)["executionArn"])
    assert (answer["status"], answer["stateMachineVersionArn"]) == ("SUCCEEDED", first)
    listed = states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in listed] == [f"{arn}:2", f"{arn}:1"]
    states.delete_state_machine_version(stateMachineVersionArn=first)
    assert refusal(states.start_execution, stateMachineArn=first)[0] == "StateMachineDoesNotExist"
    code, _ = refusal(states.publish_state_machine_version, stateMachineArn=arn, revisionId="another")
    assert code == "ConflictException"


def test_an_alias_leads_to_versions_by_their_weights(states, create):
    arn = create()
    one = states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(FAIL))
    two = states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]

    def routing(*weights):
        arns = (one, two)
        return [{"stateMachineVersionArn": each, "weight": weight} for each, weight in zip(arns, weights, strict=False)]

    alias = states.create_state_machine_alias(name="live", routingConfiguration=routing(100))["stateMachineAliasArn"]
    answer, _ = finish(states, states.start_execution(stateMachineArn=alias)["executionArn"])
    assert (answer["stateMachineVersionArn"], answer["stateMachineAliasArn"]) == (one, alias)
    states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routing(0, 100))
    answer, _ = finish(states, states.start_execution(stateMachineArn=alias)["executionArn"])
    assert answer["error"] == "Nope"
    assert len(states.list_executions(stateMachineArn=alias)["executions"]) == 2
    assert len(states.list_executions(stateMachineArn=one)["executions"]) == 1
    assert refusal(states.delete_state_machine_version, stateMachineVersionArn=two)[0] == "ConflictException"
    code, words = refusal(states.create_state_machine_alias, name="other", routingConfiguration=routing(30, 30))
    assert (code, words.rpartition(" Received")[0]) == (
        "ValidationException",
        "Sum of routing configuration weights must equal 100.",
    )
    states.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert refusal(states.describe_state_machine_alias, stateMachineAliasArn=alias)[0] == "ResourceNotFound"


@pytest.mark.parametrize("given", ["{", "NaN", "1e999", "not json", "{'a': 1}"])
def test_an_input_that_is_no_json_is_refused(states, create, given):
    code, words = refusal(states.start_execution, stateMachineArn=create(), input=given)
    assert code == "InvalidExecutionInput"
    assert words.startswith("Invalid State Machine Execution Input: '")


def test_the_same_name_and_input_is_the_same_execution_while_it_runs(states, create):
    arn = create(WAIT)
    first = states.start_execution(stateMachineArn=arn, name="once", input="{}")
    assert states.start_execution(stateMachineArn=arn, name="once", input="{}")["executionArn"] == first["executionArn"]
    assert refusal(states.start_execution, stateMachineArn=arn, name="once", input="1")[0] == "ExecutionAlreadyExists"
    states.stop_execution(executionArn=first["executionArn"], error="Enough", cause="of this")
    answer, events = finish(states, first["executionArn"])
    assert (answer["status"], answer["error"], answer["cause"]) == ("ABORTED", "Enough", "of this")
    assert events[-1]["executionAbortedEventDetails"] == {"error": "Enough", "cause": "of this"}
    aborted = states.list_executions(stateMachineArn=arn, statusFilter="ABORTED")["executions"]
    assert [each["name"] for each in aborted] == ["once"]
    assert states.list_executions(stateMachineArn=arn, statusFilter="FAILED")["executions"] == []


def test_executions_are_listed_page_by_page_the_youngest_first(states, create):
    arn = create()
    for number in range(5):
        finish(states, states.start_execution(stateMachineArn=arn, name=f"n{number}")["executionArn"])
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 2})
    names = [[each["name"] for each in page["executions"]] for page in pages]
    assert names == [["n4", "n3"], ["n2", "n1"], ["n0"]]
    assert refusal(states.list_executions, stateMachineArn=arn, nextToken="nothing")[0] == "InvalidToken"


def test_a_history_without_execution_data(states, create):
    arn = states.start_execution(stateMachineArn=create(), input='{"secret": 1}')["executionArn"]
    finish(states, arn)
    events = states.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]
    assert "secret" not in json.dumps(events, default=str)


def test_what_names_no_role_and_no_map_run_is_refused(states):
    definition = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Pass", "End": True}}})
    told = refusal(states.create_state_machine, name="no-arn", definition=definition, roleArn="x")
    assert told == ("InvalidArn", "Invalid Role Arn: 'x'")
    nowhere = "arn:aws:states:us-east-1:123456789012:mapRun:m/Items:45fb7027-6153-4c66-9510-e6b4657feccc"
    told = refusal(states.list_executions, mapRunArn=nowhere)
    assert told == ("ResourceNotFound", f"Resource not found: '{nowhere}'")


def test_express_executions_are_answered_at_once_and_not_kept(states, create):
    arn = create(PASS, type="EXPRESS")
    answer = states.start_sync_execution(stateMachineArn=arn, input="[1]", name="quick")
    assert (answer["status"], answer["output"], answer["name"]) == ("SUCCEEDED", "[1]", "quick")
    assert ":express:" in answer["executionArn"]
    code, words = refusal(states.describe_execution, executionArn=answer["executionArn"])
    assert (code, words) == ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    assert refusal(states.list_executions, stateMachineArn=arn)[0] == "StateMachineTypeNotSupported"
    assert refusal(states.start_sync_execution, stateMachineArn=create())[0] == "StateMachineTypeNotSupported"


def test_express_executions_end_after_five_minutes(clock, states, create):
    answer = states.start_sync_execution(stateMachineArn=create(WAIT, type="EXPRESS"))
    assert answer["status"] == "TIMED_OUT"
    assert (answer["stopDate"] - answer["startDate"]).total_seconds() == pytest.approx(300, abs=1)


def test_events_are_logged_in_awss_form(states, create, control, target):
    logs, group = boto3.client("logs"), f"/aws/vendedlogs/states/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=group)
    destination = {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}
    configuration = {
        "level": "ERROR",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": destination}],
    }
    arn = create(FAIL, loggingConfiguration=configuration, type="EXPRESS")
    ended = states.start_sync_execution(stateMachineArn=arn, input='{"a": 1}')
    control.post("flush")
    found = logs.filter_log_events(logGroupName=group)["events"]
    entries = [json.loads(event["message"]) for event in found if event["logStreamName"].startswith("states/")]
    assert [(entry["id"], entry["type"]) for entry in entries] == [("2", "FailStateEntered"), ("3", "ExecutionFailed")]
    assert entries[1]["details"] == {"error": "Nope", "cause": "because"}
    assert {entry["execution_arn"] for entry in entries} == {ended["executionArn"]}
    assert "input" not in entries[0]["details"]


def test_logs_go_where_there_is_a_log_group(states, create):
    missing = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:missing:*"}}
    with pytest.raises(ClientError, match="Log Destination not found"):
        create(loggingConfiguration={"level": "ALL", "destinations": [missing]})
    with pytest.raises(ClientError, match="Must specify exactly one Log Destination"):
        create(loggingConfiguration={"level": "ALL"})


def test_machines_and_activities_have_tags(states, create):
    arn = create(tags=[{"key": "a", "value": "1"}])
    activity = states.create_activity(name=f"act-{uuid.uuid4().hex[:8]}")["activityArn"]
    for tagged, before in ((arn, {"a": "1"}), (activity, {})):
        states.tag_resource(resourceArn=tagged, tags=[{"key": "b", "value": "2"}])
        found = states.list_tags_for_resource(resourceArn=tagged)["tags"]
        assert {tag["key"]: tag["value"] for tag in found} == {**before, "b": "2"}
        states.untag_resource(resourceArn=tagged, tagKeys=["a", "b"])
        assert states.list_tags_for_resource(resourceArn=tagged)["tags"] == []
    code, words = refusal(states.tag_resource, resourceArn=activity, tags=[{"value": "1"}])
    assert (code, "Value null at 'key'" in words) == ("ValidationException", True)
    states.delete_activity(activityArn=activity)
    assert refusal(states.describe_activity, activityArn=activity)[0] == "ActivityDoesNotExist"


def test_an_activity_is_worked_on(clock, states, create):
    activity = states.create_activity(name=f"act-{uuid.uuid4().hex[:8]}")["activityArn"]
    task = {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 60, "End": True}
    arn = create({"StartAt": "Act", "States": {"Act": task}})
    execution = states.start_execution(stateMachineArn=arn, input='{"n": 1}')["executionArn"]
    offered = states.get_activity_task(activityArn=activity, workerName="w")
    assert json.loads(offered["input"]) == {"n": 1}
    states.send_task_heartbeat(taskToken=offered["taskToken"])
    clock.advance(59)
    assert refusal(states.send_task_success, taskToken=offered["taskToken"], output="no")[0] == "InvalidOutput"
    states.send_task_failure(taskToken=offered["taskToken"], error="Broken", cause="today")
    answer, events = finish(states, execution)
    assert (answer["error"], answer["cause"]) == ("Broken", "today")
    assert [event["type"] for event in events][2:5] == ["ActivityScheduled", "ActivityStarted", "ActivityFailed"]
    assert refusal(states.send_task_success, taskToken=offered["taskToken"], output="1")[0] == "TaskTimedOut"
    assert refusal(states.send_task_success, taskToken="nonsense", output="1")[0] == "InvalidToken"
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    states.get_activity_task(activityArn=activity)
    clock.advance(61)
    assert finish(states, execution)[0]["error"] == "States.Timeout"


def test_a_token_whose_call_has_failed_is_waited_for_no_longer(control, states, create):
    parameters = {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": parameters}
    arn = create({"StartAt": "Ask", "States": {"Ask": {**task, "End": True}}})
    control.post("tasks/script", {"answers": [{"service": "lambda", "target": "f", "error": "Odd", "cause": "x"}]})
    answer, events = finish(states, states.start_execution(stateMachineArn=arn)["executionArn"])
    assert answer["error"] == "Odd"
    (scheduled,) = [event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled"]
    token = json.loads(scheduled["parameters"])["Payload"]["token"]
    assert refusal(states.send_task_success, taskToken=token, output="1")[0] == "TaskTimedOut"


def test_a_definition_is_validated(states):
    good = states.validate_state_machine_definition(definition=json.dumps(PASS))
    assert (good["result"], good["diagnostics"]) == ("OK", [])
    bad = states.validate_state_machine_definition(definition=json.dumps({"StartAt": "A", "States": {}}))
    assert bad["result"] == "FAIL"
    assert {"severity", "code", "message"} <= bad["diagnostics"][0].keys()


def test_what_failed_is_redriven_and_goes_on_there(clock, control, states, create):
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}
    before = {"Type": "Pass", "Assign": {"kept": "yes"}, "Next": "Call"}
    call = {**task, "ResultSelector": {"kept.$": "$kept", "got.$": "$.Payload"}, "End": True}
    arn = create({"StartAt": "Before", "States": {"Before": before, "Call": call}})
    failed = {"service": "lambda", "target": "f", "error": "Odd", "cause": "x"}
    control.post("tasks/script", {"answers": [failed]})
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    answer, _ = finish(states, execution)
    assert (answer["error"], answer["redriveStatus"]) == ("Odd", "REDRIVABLE")
    control.post("tasks/script", {"answers": [{"service": "lambda", "target": "f", "output": 7}]})
    states.redrive_execution(executionArn=execution)
    answer, events = finish(states, execution)
    control.post("tasks/script", {"answers": []})
    assert json.loads(answer["output"]) == {"kept": "yes", "got": 7}
    kinds = [event["type"] for event in events]
    assert kinds.count("PassStateEntered") == 1
    assert kinds[kinds.index("ExecutionRedriven") + 1] == "TaskScheduled"
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert refusal(states.redrive_execution, executionArn=execution)[0] == "ExecutionNotRedrivable"
