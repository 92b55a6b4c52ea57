"""Step Functions on virtual time: no waiting, and AWS's intervals in the history."""

import json
import time
import uuid
from functools import partial

import boto3
import pytest

from tests.waiting import execution_ended, until

RETRY = [{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 2, "MaxAttempts": 6, "BackoffRate": 2}]


@pytest.fixture(scope="module")
def states(target, role):
    return boto3.client("stepfunctions")


@pytest.fixture
def start(states, role, request):
    """Starts an execution of a definition."""

    def make(**definition):
        machine = states.create_state_machine(
            name=f"clock-{uuid.uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=role
        )["stateMachineArn"]
        request.addfinalizer(lambda: states.delete_state_machine(stateMachineArn=machine))
        return states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]

    return make


def finish(states, arn):
    """The execution's description and history once it has ended."""
    return execution_ended(states, arn), states.get_execution_history(executionArn=arn)["events"]


def has(states, arn, kind):
    """The execution's history once it has an event of that type."""
    history = partial(states.get_execution_history, executionArn=arn)
    return until(lambda: history()["events"], enough=lambda events: of_type(events, kind))


def seconds(first, second):
    return (second["timestamp"] - first["timestamp"]).total_seconds()


def of_type(events, kind):
    return [event for event in events if event["type"] == kind]


def wait(seconds, **members):
    return {"Type": "Wait", "Seconds": seconds, **(members or {"End": True})}


TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "End": True}


def scripted(control, *answers):
    control.post("tasks/script", {"answers": [{"service": "lambda", "target": "f", **answer} for answer in answers]})


def test_the_machines_retries_take_no_time_and_show_aws_s_intervals(clock, control, states, start):
    failure = {"error": "Lambda.ServiceException", "cause": "x (Service: Lambda; Status Code: 500; Request ID: 1)"}
    scripted(control, *[failure] * 7)
    began = time.monotonic()
    answer, events = finish(states, start(StartAt="A", States={"A": {**TASK, "Retry": RETRY}}))
    took = time.monotonic() - began
    scripted(control)
    assert (answer["status"], answer["error"]) == ("FAILED", "Lambda.ServiceException")
    failed, scheduled = of_type(events, "TaskFailed"), of_type(events, "TaskScheduled")
    assert (len(failed), len(scheduled)) == (7, 7)
    between = [seconds(end, again) for end, again in zip(failed, scheduled[1:], strict=False)]
    assert between == pytest.approx([2, 4, 8, 16, 32, 64], abs=0.5)
    assert (answer["stopDate"] - answer["startDate"]).total_seconds() == pytest.approx(126, abs=1)
    assert took < 2


def test_waits_add_up(clock, states, start):
    arn = start(StartAt="A", States={"A": wait(3600, Next="B"), "B": wait(86_400)})
    answer, events = finish(states, arn)
    assert answer["status"] == "SUCCEEDED"
    assert seconds(events[0], events[-1]) == pytest.approx(90_000, abs=1)


def test_a_wait_until_a_moment(clock, states, start):
    moment = clock.now().replace(microsecond=0).timestamp() + 7200
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    arn = start(StartAt="A", States={"A": {"Type": "Wait", "Timestamp": text, "End": True}})
    _, events = finish(states, arn)
    assert events[-1]["timestamp"].timestamp() == pytest.approx(moment, abs=1)


def test_branches_wait_side_by_side(clock, states, start):
    branches = [{"StartAt": f"W{each}", "States": {f"W{each}": wait(each)}} for each in (100, 300, 200)]
    _, events = finish(
        states, start(StartAt="P", States={"P": {"Type": "Parallel", "Branches": branches, "End": True}})
    )
    assert seconds(events[0], events[-1]) == pytest.approx(300, abs=1)
    exits = [seconds(events[0], event) for event in of_type(events, "WaitStateExited")]
    assert exits == pytest.approx([100, 200, 300], abs=1)


def test_a_map_waits_item_by_item(clock, states, start):
    items = {"Type": "Pass", "Result": [1, 2, 3, 4], "Next": "M"}
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "W", "States": {"W": wait(10)}}
    each = {"Type": "Map", "MaxConcurrency": 2, "ItemProcessor": processor, "End": True}
    answer, events = finish(states, start(StartAt="I", States={"I": items, "M": each}))
    assert answer["status"] == "SUCCEEDED"
    assert seconds(events[0], events[-1]) == pytest.approx(20, abs=1)


def test_a_task_that_says_nothing_times_out(clock, control, states, start):
    scripted(control, {"silent": True})
    answer, events = finish(states, start(StartAt="A", States={"A": {**TASK, "TimeoutSeconds": 300}}))
    scripted(control)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Timeout")
    (timed_out,) = of_type(events, "TaskTimedOut")
    assert seconds(events[0], timed_out) == pytest.approx(300, abs=1)
    assert [event["type"] for event in events[-2:]] == ["TaskTimedOut", "ExecutionFailed"]


def test_an_execution_times_out(clock, states, start):
    answer, events = finish(states, start(StartAt="A", TimeoutSeconds=60, States={"A": wait(3600)}))
    assert answer["status"] == "TIMED_OUT"
    assert not {"error", "cause"} & answer.keys()
    assert events[-1]["type"] == "ExecutionTimedOut"
    assert events[-1]["executionTimedOutEventDetails"] == {"error": "States.Timeout"}
    assert events[-1]["previousEventId"] == 0
    assert seconds(events[0], events[-1]) == pytest.approx(60, abs=1)


TOKEN = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
    "TimeoutSeconds": 3600,
    "End": True,
}


def waiting_for_a_token(states, control, arn):
    """The task token, once the execution waits for its answer."""
    events = has(states, arn, "TaskSubmitted")
    parameters = json.loads(of_type(events, "TaskScheduled")[0]["taskScheduledEventDetails"]["parameters"])
    return parameters["Payload"]["token"]


def test_a_task_token_is_waited_for_until_it_comes(clock, control, states, start):
    scripted(control, {"output": None})
    arn = start(StartAt="A", States={"A": TOKEN})
    token = waiting_for_a_token(states, control, arn)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    states.send_task_success(taskToken=token, output='"done"')
    answer, _ = finish(states, arn)
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '"done"')


def test_advancing_the_clock_lets_a_task_token_run_out(clock, control, states, start):
    scripted(control, {"output": None})
    arn = start(StartAt="A", States={"A": TOKEN})
    waiting_for_a_token(states, control, arn)
    clock.advance(3601)
    answer, _ = finish(states, arn)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Timeout")


def test_a_stopped_execution_does_not_go_on_waiting(states, control, start):
    failure = {"error": "Lambda.ServiceException", "cause": "x (Service: Lambda; Status Code: 500; Request ID: 1)"}
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600}]
    for state, reached in ((wait(3600), "WaitStateEntered"), ({**TASK, "Retry": retry}, "TaskFailed")):
        scripted(control, failure)
        arn = start(StartAt="A", States={"A": state})
        has(states, arn, reached)
        states.stop_execution(executionArn=arn, cause="enough")
        answer, events = finish(states, arn)
        assert answer["status"] == "ABORTED"
        assert events[-1]["type"] == "ExecutionAborted"
    scripted(control)


def test_the_wall_clock_is_the_default(control, states, start):
    assert control.get("clock")["virtual"] is False
    with pytest.raises(ValueError, match="wall clock cannot be moved"):
        control.post("clock", {"advance": 5})
    began = time.monotonic()
    finish(states, start(StartAt="A", States={"A": wait(1)}))
    assert time.monotonic() - began >= 1


def test_time_does_not_go_back(clock):
    with pytest.raises(ValueError, match="time goes forwards"):
        clock.advance(-1)
