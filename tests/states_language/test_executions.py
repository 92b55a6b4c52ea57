"""What executions come to: retriers, catchers, time-outs, beside-one-another, stops and redrives."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.states_language.definition import parse
from harness.states_language.effects import AwaitToken, CallResource, Failure, Heartbeat, Result, Wait
from harness.states_language.execution import Execution
from harness.states_language.workings import Single
from tests.states_language.driver import drive

TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "End": True}


def machine(states, start=None, **more):
    return parse(json.dumps({"StartAt": start or next(iter(states)), "States": states, **more}))


def run(states, answer=lambda effect: Result(None), given=None, **more):
    execution = Execution(machine(states, **more), {} if given is None else given)
    drive(execution, answer)
    return execution


def types(execution):
    return [event.type for event in execution.events]


def test_a_choice_about_what_is_not_there_fails_as_on_aws():
    rule = {"Variable": "$.x", "NumericEquals": 1, "Next": "A"}
    states = {"C": {"Type": "Choice", "Choices": [rule], "Default": "A"}, "A": {"Type": "Succeed"}}
    execution = run(states, given={"y": 1})
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert execution.cause == (
        "An error occurred while executing the state 'C' (entered at the event id #2). "
        "Invalid path '$.x': The choice state's condition path references an invalid value."
    )


def test_a_retrier_waits_longer_each_time_up_to_its_limit():
    retrier = {"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 4, "MaxDelaySeconds": 10}
    execution = Execution(machine({"T": {**TASK, "Retry": [retrier]}}), {})
    tries = []

    def answer(effect):
        tries.append((execution.now, effect.attempt, effect.context["State"]["RetryCount"]))
        return Failure("Busy", "still")

    drive(execution, answer)
    assert tries == [(0.0, 0, 0), (2.0, 1, 1), (8.0, 2, 2), (18.0, 3, 3), (28.0, 4, 4)]
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "Busy", "still")


@given(st.integers(0, 2**32))
def test_full_jitter_is_decided_by_the_seed(seed):
    retrier = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 2, "JitterStrategy": "FULL"}
    made = machine({"T": {**TASK, "Retry": [retrier]}})

    def history():
        execution = Execution(made, {}, seed)
        end = drive(execution, lambda effect: Failure("Busy", None))
        return end, execution.events

    assert history() == history()
    assert 0 <= history()[0] <= 15


def test_runtime_errors_are_neither_retried_nor_caught():
    states = {
        "T": {
            **TASK,
            "Parameters": {"x.$": "$.nowhere"},
            "Retry": [{"ErrorEquals": ["States.ALL"]}],
            "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "A"}, {"ErrorEquals": ["States.ALL"], "Next": "A"}],
        },
        "A": {"Type": "Succeed"},
    }
    execution = run(states)
    assert types(execution) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]
    assert execution.error == "States.Runtime"


def test_a_catcher_puts_the_error_where_its_result_path_says():
    caught = {"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.failure", "Next": "A"}
    states = {"T": {**TASK, "Catch": [caught]}, "A": {"Type": "Succeed"}}
    execution = run(states, lambda effect: Failure("Broken", "in two"), {"kept": 1})
    assert execution.output.value == {"kept": 1, "failure": {"Error": "Broken", "Cause": "in two"}}
    assert [(step.state, step.next, step.catcher) for step in execution.transitions] == [
        ("T", "A", 0),
        ("A", None, None),
    ]


def test_a_task_that_takes_too_long_times_out_and_is_given_up():
    execution = Execution(machine({"T": {**TASK, "TimeoutSeconds": 5}}), {})
    end = drive(execution, lambda effect: None)
    assert end == 5.0
    assert types(execution)[-2:] == ["TaskTimedOut", "ExecutionFailed"]
    assert execution.error == "States.Timeout"


def test_heartbeats_keep_a_token_alive():
    waits = {**TASK, "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "HeartbeatSeconds": 10}
    waits["Parameters"] = {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}
    execution = Execution(machine({"T": waits}), {})
    (call,) = execution.start(0.0)
    assert call.arguments["MessageBody"] == call.token
    beat, token = execution.resolve(call.id, Result({}), 1.0)
    assert isinstance(token, AwaitToken)
    assert beat.until == 11.0
    again = execution.resolve(token.id, Heartbeat(), 9.0)
    assert [effect.until for effect in again if isinstance(effect, Wait)] == [19.0]
    execution.resolve(beat.id, None, 11.0)
    assert execution.status == "RUNNING"
    execution.resolve(token.id, Result("done"), 12.0)
    assert execution.output.value == "done"


def test_a_machine_that_takes_too_long_times_out():
    execution = Execution(machine({"W": {"Type": "Wait", "Seconds": 60, "End": True}}, TimeoutSeconds=30), {})
    assert drive(execution, lambda effect: None) == 30.0
    assert (execution.status, types(execution)[-1]) == ("TIMED_OUT", "ExecutionTimedOut")
    assert (execution.events[-1].previous, execution.events[-1].details) == (0, {"error": "States.Timeout"})
    assert (execution.error, execution.cause) == (None, None)


def test_no_more_than_forty_iterations_of_an_inline_map_run_at_a_time():
    wait = {"Type": "Wait", "Seconds": 1, "End": True}
    states = {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "W", "States": {"W": wait}}, "End": True}}
    execution = Execution(machine(states), list(range(200)))
    assert drive(execution, lambda effect: None) == 5.0
    assert execution.output.value == list(range(200))


def test_a_branch_that_fails_ends_the_others():
    wait = {"Type": "Wait", "Seconds": 9, "End": True}
    branches = [{"StartAt": "W", "States": {"W": wait}}, {"StartAt": "T", "States": {"T": TASK}}]
    execution = Execution(machine({"P": {"Type": "Parallel", "Branches": branches, "End": True}}), {})
    assert drive(execution, lambda effect: Failure("Broken", None)) == 0.0
    ends = ["TaskFailed", "TaskStateAborted", "WaitStateAborted", "ParallelStateFailed", "ExecutionFailed"]
    assert types(execution)[-5:] == ends


def test_variables_of_a_branch_end_with_it():
    inner = {"Type": "Pass", "Assign": {"b.$": "$a"}, "Parameters": {"a.$": "$a"}, "End": True}
    states = {
        "A": {"Type": "Pass", "Assign": {"a": 1}, "Next": "P"},
        "P": {"Type": "Parallel", "Branches": [{"StartAt": "B", "States": {"B": inner}}], "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"b.$": "$b"}, "End": True},
    }
    execution = run(states)
    assert execution.status == "FAILED"
    assert '[{"a":1}]' in [event.details.get("output") for event in execution.events if event.details]


def test_a_payload_that_is_too_large_fails_the_execution():
    states = {"T": {**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "A"}]}, "A": {"Type": "Succeed"}}
    execution = run(states, lambda effect: Result("x" * 262_144))
    assert execution.output.value["Error"] == "States.DataLimitExceeded"
    assert "TaskFailed" in types(execution)


def test_a_history_has_an_end():
    leave = {"Variable": "$.left", "IsPresent": True, "Next": "C"}
    loop = {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [leave], "Default": "A"},
        "C": {"Type": "Succeed"},
    }
    execution = run(loop)
    assert len(execution.events) == 25_000
    assert types(execution)[-1] == "ExecutionFailed"


def test_a_stopped_execution_hears_nothing_more_and_can_be_redriven():
    execution = Execution(machine({"T": TASK}), {})
    (call,) = execution.start(0.0)
    (cancel,) = execution.stop("Mine", "enough", 1.0)
    assert cancel.target == call.id
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Mine", "enough")
    assert execution.resolve(call.id, Result(1), 2.0) == []
    (again,) = execution.redrive(3.0)
    assert isinstance(again, CallResource)
    execution.resolve(again.id, Result(1), 4.0)
    assert execution.status == "SUCCEEDED"
    assert types(execution).count("TaskStateEntered") == 1


def test_one_state_alone_tells_of_its_way():
    states = {
        "T": {**TASK, "ResultSelector": {"r.$": "$.x"}, "ResultPath": "$.out", "Next": "A"},
        "A": {"Type": "Succeed"},
    }
    del states["T"]["End"]
    execution = Execution(machine(states), {"in": 1}, single=Single(), inspect=True)
    drive(execution, lambda effect: Result({"x": 2}))
    assert (execution.status, execution.next_state) == ("SUCCEEDED", "A")
    assert execution.inspection == {
        "input": '{"in":1}',
        "afterInputPath": '{"in":1}',
        "afterParameters": '{"FunctionName":"f"}',
        "result": '{"x":2}',
        "afterResultSelector": '{"r":2}',
        "afterResultPath": '{"in":1,"out":{"r":2}}',
    }


def test_the_text_of_what_nothing_changes_is_kept():
    from harness.states_language.text import Payload

    execution = Execution(machine({"A": {"Type": "Pass", "End": True}}), Payload([1, 2], "[1,  2]"))
    drive(execution, lambda effect: None)
    assert execution.output.text == "[1,  2]"


# Whatever a machine is made of, its history explains it.

_LEAF = st.sampled_from(["pass", "wait", "task", "fail"])
_SHAPES = st.recursive(
    st.lists(_LEAF, min_size=1, max_size=3),
    lambda inner: st.lists(
        _LEAF
        | st.tuples(st.just("parallel"), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("map"), inner),
        min_size=1,
        max_size=3,
    ),
    max_leaves=12,
)


def _flow(shape, names):
    states, previous, start = {}, None, None
    for part in shape:
        name = f"S{next(names)}"
        kind, inner = part if isinstance(part, tuple) else (part, None)
        state = {
            "pass": lambda: {"Type": "Pass"},
            "wait": lambda: {"Type": "Wait", "Seconds": 1},
            "task": lambda: {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "ResultPath": None},
            "fail": lambda: {"Type": "Fail", "Error": "Made"},
            "parallel": lambda inner=inner: {
                "Type": "Parallel",
                "Branches": [_flow(branch, names) for branch in inner],
            },
            "map": lambda inner=inner: {"Type": "Map", "Items": [1, 2], "ItemProcessor": _flow(inner, names)},
        }[kind]()
        if kind == "map":
            del state["Items"]
            state["ItemsPath"] = "$$.Execution.Input"
        states[name] = state
        start = start or name
        if previous is not None:
            states[previous]["Next"] = name
        previous = name
        if kind == "fail":
            break
    if states[previous]["Type"] != "Fail":
        states[previous]["End"] = True
    return {"StartAt": start, "States": states}


@given(_SHAPES, st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 9))
def test_a_history_explains_its_execution(shape, goods, seed):
    made = parse(json.dumps(_flow(shape, iter(range(10_000)))))

    def history():
        answers = iter(goods * 1000)
        execution = Execution(made, [1, 2], seed)
        drive(execution, lambda effect: Result(1) if next(answers) else Failure("Broken", "cause"))
        return execution

    execution = history()
    events = execution.events
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(event.previous < event.id for event in events)
    assert events[-1].type == {"SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed"}[execution.status]
    assert not any(event.type.startswith("Execution") for event in events[1:-1])
    assert all(event.timestamp <= later.timestamp for event, later in pairwise(events))
    if execution.status == "SUCCEEDED":
        entered = sum(event.type.endswith("StateEntered") for event in events)
        assert entered == sum(event.type.endswith("StateExited") for event in events)
        assert events[-1].details["output"] == execution.output.text
    assert history().events == events


def test_a_time_out_that_is_caught_has_an_empty_cause():
    states = {
        "T": {**TASK, "TimeoutSeconds": 5, "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "A"}]},
        "A": {"Type": "Succeed"},
    }
    execution = run(states, lambda effect: None)
    assert execution.output.value == {"Error": "States.Timeout", "Cause": ""}


def test_a_path_to_a_number_may_lead_to_a_text_that_is_one():
    processor = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    states = {
        "M": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrencyPath": "$.n",
            "ItemProcessor": processor,
            "End": True,
        }
    }
    assert run(states, given={"items": [1], "n": "1"}).output.value == [1]
    assert '"x" which is not a valid integer: $.n' in run(states, given={"items": [1], "n": "x"}).cause


@pytest.mark.parametrize(
    ("state", "cause", "location"),
    [
        (
            {"Type": "Pass", "Output": {"a": "{% $states.input.no %}"}, "End": True},
            "The JSONata expression '$states.input.no' specified for the field 'Output/a' "
            "returned nothing (undefined).",
            "Output/a",
        ),
        (
            {"Type": "Wait", "Seconds": "{% 'x' %}", "End": True},
            "The JSONata expression ''x'' specified for the field 'Seconds' returned an unexpected result type. "
            "Expected 'number', but was 'string' for value: \"x\"",
            "Seconds",
        ),
        (
            {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}, "End": True},
            "Map state input must be an array but was: {}",
            None,
        ),
    ],
)
def test_jsonata_that_cannot_be_evaluated_has_an_event_of_its_own(state, cause, location):
    execution = run({"A": state}, QueryLanguage="JSONata")
    told = next(event for event in execution.events if event.type == "EvaluationFailed")
    words = f"An error occurred while executing the state 'A' (entered at the event id #2). {cause}"
    assert told.details == {
        "cause": words,
        "error": "States.QueryEvaluationError",
        "state": "A",
        **({"location": location} if location else {}),
    }
    assert (told.previous, execution.cause) == (0, words)


def test_a_state_that_is_never_tried_again_has_a_retry_count_only_when_asked():
    states = {"A": {"Type": "Pass", "Parameters": {"n.$": "$$.State.RetryCount", "all.$": "$$.State"}, "End": True}}
    output = run(states).output.value
    assert output["n"] == 0
    assert set(output["all"]) == {"Name", "EnteredTime"}


@pytest.mark.parametrize(
    "state",
    [
        {"Parameters": {"a.$": "States.UUID()", "b.$": "States.UUID()"}},
        {"QueryLanguage": "JSONata", "Output": {"a": "{% $uuid() %}", "b": "{% $uuid() %}"}},
    ],
)
def test_two_ids_of_one_template_differ_and_are_the_same_for_the_same_seed(state):
    machine = parse(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **state}}}))
    outputs = []
    for seed in (1, 1, 2):
        execution = Execution(machine, {}, seed=seed)
        execution.start(now=0.0)
        outputs.append(execution.output.value)
    assert outputs[0]["a"] != outputs[0]["b"]
    assert outputs[0] == outputs[1] != outputs[2]


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_a_redrive_runs_only_what_had_not_ended_well(kind):
    inner = {"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": TASK}}, "ItemsPath": "$$.Execution.Input"}
    if kind == "Parallel":
        branches = [{"StartAt": name, "States": {name: TASK}} for name in ("A", "B")]
        outer = {"Type": "Parallel", "Branches": branches}
    else:
        flow = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "N"}, "N": {**inner, "End": True}}}
        outer = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": flow}
    execution = Execution(machine({"O": {**outer, "End": True}}), [1, 2])
    asked = []

    def answer(effect):
        asked.append(effect.path)
        return Result(len(asked)) if len(asked) != 2 else Failure("Broken", None)

    drive(execution, answer)
    assert execution.status == "FAILED"
    drive(execution, answer, effects=execution.redrive(1.0))
    assert execution.status == "SUCCEEDED"
    assert execution.output.value == ([1, 3] if kind == "Parallel" else [[1, 3], [4, 5]])
    assert types(execution).count(f"{kind}StateStarted") == (1 if kind == "Parallel" else 3)
    assert [event.id for event in execution.events] == list(range(1, len(execution.events) + 1))
    assert all(event.previous < event.id for event in execution.events)


def test_what_runs_beside_an_iteration_that_cannot_begin_is_ended():
    iterate = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "End": True}}}
    item_map = {"Type": "Map", "ItemProcessor": iterate, "ItemSelector": {"x.$": "$$.Map.Item.Value.x"}, "End": True}
    execution = Execution(machine({"M": item_map}), [{"x": 1}, {}])
    assert drive(execution, lambda effect: None) == 0.0
    assert execution.status == "FAILED"


@pytest.mark.parametrize("template", [{"x.$": "$"}, {"x.$": "States.Array($)"}])
def test_a_payload_that_lies_too_deep_fails_the_execution(template):
    leave = {"Variable": "$.left", "IsPresent": True, "Next": "C"}
    states = {
        "A": {"Type": "Pass", "Parameters": template, "Next": "B"},
        "B": {"Type": "Choice", "Choices": [leave], "Default": "A"},
        "C": {"Type": "Succeed"},
    }
    execution = run(states)
    assert execution.status == "FAILED"
    assert execution.error in ("States.Runtime", "States.DataLimitExceeded", "States.IntrinsicFailure")


def test_variables_have_a_limit():
    grow = {"Type": "Pass", "Assign": {"v": "x" * 262_144}, "End": True}
    execution = run({"A": grow})
    assert (execution.status, execution.error) == ("FAILED", "States.DataLimitExceeded")


@pytest.mark.parametrize("mode", ["INLINE", "DISTRIBUTED"])
def test_a_distributed_map_goes_through_an_object_by_pairs(mode):
    config = {"ProcessorConfig": {"Mode": mode, **({"ExecutionType": "EXPRESS"} if mode == "DISTRIBUTED" else {})}}
    flow = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}, **config}
    execution = Execution(machine({"M": {"Type": "Map", "ItemProcessor": flow, "End": True}}), {"a": 1})
    effects = execution.start(0.0)
    if mode == "INLINE":
        assert execution.cause.endswith('Reference path "$" must point to array.')
    else:
        assert effects[0].items == [{"Key": "a", "Value": 1}]
