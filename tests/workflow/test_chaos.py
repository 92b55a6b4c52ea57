"""500 executions while everything fails now and then: each ends, says why, and nothing is lost or left behind."""

import json
import uuid
from collections import Counter

import psutil
import pytest

from harness.capture.records import read_s3
from harness.project.executions import failed_state, history, run_all
from tests.workflow.checks import function_processes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("images", ["synthetic"], indirect=True),
]

COUNT = 500
SEED = 20261123
FAULTS = [
    {"function": "*", "error": "TooManyRequestsException", "message": "Rate Exceeded.", "fraction": 0.05},
    {"function": "*", "error": "ServiceException", "fraction": 0.03},
    {"function": "serializeImageData", "kill": True, "times": 4, "fraction": 0.03},
    {"function": "classifyImageData", "error": "OutOfPatience", "fraction": 0.02},
    {"function": "classifyImageData", "truncate": 9, "fraction": 0.01},
    {"function": "*", "latency": {"exponential": 0.002}, "fraction": 0.2},
    {"endpoint": "*", "error": "ModelError", "status": 500, "fraction": 0.02},
    {"endpoint": "*", "error": "ThrottlingException", "fraction": 0.05},
    {"endpoint": "*", "truncate": 5, "fraction": 0.02},
    {"endpoint": "*", "latency": {"lognormal": [0.002, 1]}, "fraction": 0.2},
    {"bucket": "*", "error": "AccessDenied", "fraction": 0.02, "prefix": "chaos/"},
    {"bucket": "*", "error": "SlowDown", "fraction": 0.03, "prefix": "chaos/"},
    {"state": "Lambda Invoke(CheckThreshold)", "error": "States.Timeout", "fraction": 0.02},
]


def growth(scones, states, key, count):
    """Bytes of memory that each of *count* executions adds."""
    before = psutil.Process().memory_info().rss
    for _ in run_all(states, scones.state_machine_arn, [scones.event(key)] * count, concurrency=4):
        pass
    return (psutil.Process().memory_info().rss - before) / count


def test_500_executions_under_random_faults(clock, faults, control, scones, images, states, settings):
    s3 = scones.session.client("s3")
    # Bytes after a PNG's end change nothing in the picture, and make each of these one of a kind.
    data = {f"chaos/{index:03}": images.data[key] for index, key in enumerate((images.keys * 13)[:COUNT])}
    data = {key: image + uuid.uuid4().bytes for key, image in data.items()}
    for key, image in data.items():
        s3.put_object(Bucket=scones.bucket, Key=key, Body=image)
    asked_before = len(control.get(f"endpoints/{scones.endpoint}/invocations")["invocations"])
    for number, fault in enumerate(FAULTS):
        faults.add(seed=SEED + number, **fault)

    results = list(run_all(states, scones.state_machine_arn, map(scones.event, data), concurrency=4))

    # Every execution has come to an end that its history explains.
    assert len(results) == COUNT
    errors = Counter(result.error for result in results if not result.succeeded)
    for result in results:
        events = history(states, result.arn)
        assert [event["id"] for event in events] == list(range(1, len(events) + 1))
        assert {event["type"] for event in events[:-1]}.isdisjoint({"ExecutionSucceeded", "ExecutionFailed"})
        if result.succeeded:
            assert events[-1]["type"] == "ExecutionSucceeded"
            continue
        assert (result.status, events[-1]["type"]) == ("FAILED", "ExecutionFailed")
        last = events[-2].get("taskFailedEventDetails") or events[-2]["taskTimedOutEventDetails"]
        ended = events[-1]["executionFailedEventDetails"]
        assert (ended["error"], ended["cause"]) == (last["error"], last["cause"])
        assert failed_state(events) is not None
    struck = {entry["fault"] for entry in faults.log()}
    assert len(struck) == len(FAULTS), "a fault that never struck proves nothing"
    assert errors["ThresholdConfidenceNotMet"] and errors["OutOfPatience"] and errors["Runtime.ExitError"]
    assert sum(result.succeeded for result in results) > COUNT / 4

    # No capture record is lost, and none is doubled.
    control.flush()
    ours = set(data.values())
    invocations = control.get(f"endpoints/{scones.endpoint}/invocations")["invocations"][asked_before:]
    records = [record for record in read_s3(s3, scones.capture_uri).records if record.input.content() in ours]
    assert len(records) == len(invocations)
    assert len({record.event_id for record in records}) == len(records)
    for result in results:
        if result.succeeded:
            body = json.loads(result.output["body"])
            assert body["statusCode"] == 200

    # Nothing is left behind.
    faults.clear()
    still = states.list_executions(stateMachineArn=scones.state_machine_arn, statusFilter="RUNNING")["executions"]
    assert still == []
    processes = control.get("functions/processes")["processes"]
    assert all(psutil.pid_exists(process) for process in processes), "killed workers are not kept"
    # A function whose state has timed out may still run when the next execution calls it.
    assert len(processes) <= 3 * 4 + 4, "killed workers are replaced, not added to"
    assert function_processes() == set(processes)


def test_memory_stays_level(scones, images, states):
    growth(scones, states, images.keys[0], 30)
    # What stays is the history, which AWS keeps for 90 days too: 17 events, most with the image in base64.
    assert growth(scones, states, images.keys[0], 100) < 200_000
