"""Virtual time changes when things happen, and nothing else: the same definitions, on both clocks, give one history."""

import contextlib
import itertools
import json
import time
import uuid

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.testing.clock import virtual_time
from tests.waiting import execution_ended

LEAVES = ["pass", "wait 0", "wait 1", "caught", "retried", "fail"]
SHAPES = st.recursive(
    st.lists(st.sampled_from(LEAVES), min_size=1, max_size=3),
    lambda inner: st.lists(
        st.sampled_from(LEAVES[:4])
        | st.tuples(st.just("parallel"), st.lists(inner, min_size=1, max_size=2))
        | st.tuples(st.just("map"), st.lists(inner, min_size=1, max_size=1)),
        min_size=1,
        max_size=2,
    ),
    max_leaves=5,
)


def flow(shape, names):
    """A flow whose states follow one another as *shape* has them."""
    states, previous, start = {}, None, None
    for part in shape:
        name, (kind, inner) = f"S{next(names)}", part if isinstance(part, tuple) else (part, [])
        flows = [flow(branch, names) for branch in inner]
        # Seconds of an interval must be real ones, so a state that retries does so once.
        retrier = {"ErrorEquals": ["Made"], "IntervalSeconds": 1, "MaxAttempts": 1}
        failing = {"StartAt": f"{name}f", "States": {f"{name}f": {"Type": "Fail", "Error": "Made"}}}
        states[name] = {
            "pass": {"Type": "Pass", "Result": [1, 2], "ResultPath": "$.items"},
            "wait 0": {"Type": "Wait", "Seconds": 0},
            "wait 1": {"Type": "Wait", "Seconds": 1},
            "fail": {"Type": "Fail", "Error": "Made", "Cause": name},
            "caught": {
                "Type": "Parallel",
                "Branches": [failing],
                "Catch": [{"ErrorEquals": ["Made"], "ResultPath": None, "Next": f"{name}c"}],
            },
            "retried": {"Type": "Parallel", "Branches": [failing], "Retry": [retrier]},
            "parallel": {"Type": "Parallel", "Branches": flows, "ResultPath": None},
            "map": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "ItemSelector": {"items.$": "$.items"},
                "ItemProcessor": flows[0] if flows else None,
                "ResultPath": None,
            },
        }[kind]
        if kind == "caught":
            states[f"{name}c"] = {"Type": "Pass"}
        for before in previous or ():
            states[before]["Next"] = name
        start, previous = start or name, [name, f"{name}c"] if kind == "caught" else [name]
        if kind == "fail":
            break
    for last in previous:
        if states[last]["Type"] != "Fail":
            states[last]["End"] = True
    return {"StartAt": start, "States": states}


@pytest.fixture(scope="module")
def states(target):
    return boto3.client("stepfunctions")


def histories(states, machines):
    """Of an execution of each machine: status, output, and events without their times; and how long all took."""
    began = time.monotonic()
    started = [
        states.start_execution(stateMachineArn=arn, input='{"items": [1, 2]}')["executionArn"] for arn in machines
    ]
    told = []
    for arn in started:
        answer = execution_ended(states, arn)
        pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [{**event, "timestamp": None} for page in pages for event in page["events"]]
        told.append((answer["status"], answer.get("output"), answer.get("error"), events))
    return told, time.monotonic() - began


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(shapes=st.lists(SHAPES, min_size=10, max_size=10))
def test_virtual_and_real_time_give_the_same_history(states, control, role, shapes):
    with contextlib.ExitStack() as stack:
        machines = []
        for shape in shapes:
            definition = json.dumps(flow(shape, itertools.count()))
            name = f"same-{uuid.uuid4().hex[:8]}"
            arn = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
            stack.callback(states.delete_state_machine, stateMachineArn=arn)
            machines.append(arn)
        real, took = histories(states, machines)
        with virtual_time(control):
            virtual, jumped = histories(states, machines)
    assert virtual == real
    if took > 2:
        assert jumped < took
