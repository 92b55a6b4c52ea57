"""pytest --asl-cov, on machines whose executions go one way or another."""

import json
import subprocess
import sys
import uuid

import boto3
import pytest

from harness.testing.asl_coverage import measure
from harness.testing.asl_plugin import is_meant
from tests.emulator.test_clock import finish

CALL = "arn:aws:states:::lambda:invoke"
EVERYTHING = {
    "StartAt": "Which",
    "States": {
        "Which": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.n", "NumericEquals": 1, "Next": "Same"},
                {"Variable": "$.n", "NumericEquals": 2, "Next": "Same"},
                {"Variable": "$.n", "NumericEquals": 3, "Next": "Call"},
            ],
            "Default": "Each",
        },
        "Same": {"Type": "Pass", "End": True},
        "Call": {
            "Type": "Task",
            "Resource": CALL,
            "Parameters": {"FunctionName": "f"},
            "Retry": [
                {"ErrorEquals": ["Never"], "MaxAttempts": 1},
                {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1},
            ],
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Next": "Same"},
                {"ErrorEquals": ["States.ALL"], "Next": "Sorry"},
            ],
            "Next": "Same",
        },
        "Sorry": {"Type": "Fail", "Error": "Sorry"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Inner",
                "States": {"Inner": {"Type": "Pass", "Next": "Last"}, "Last": {"Type": "Pass", "End": True}},
            },
            "End": True,
        },
    },
}


@pytest.fixture
def cover(target, role, control, clock):
    """Runs executions of a definition, and gives what they covered."""
    states = boto3.client("stepfunctions")

    def run(definition, *events, answers=()):
        name = f"cover-{uuid.uuid4().hex[:8]}"
        machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
        control.post("tasks/script", {"answers": [{"service": "lambda", "target": "f", **each} for each in answers]})
        was_on = control.get("traces")["on"]
        control.post("traces", {"on": True})
        ended = []
        for event in events:
            started = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(event))
            ended.append(finish(states, started["executionArn"])[0])
        control.post("traces", {"on": was_on})
        control.post("tasks/script", {"answers": []})
        states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
        (coverage,) = measure(trace for trace in control.get("traces")["traces"] if trace["machine"] == name)
        return coverage, ended

    return run


def covered(coverage):
    return {str(item) for item, count in coverage.counts.items() if count}


def test_rules_that_lead_to_the_same_state_are_told_apart(cover):
    coverage, _ = cover(EVERYTHING, {"n": 2})
    assert covered(coverage) == {"state Which", "branch Which 2 -> Same", "state Same", "transition Same -> (end)"}
    assert coverage.percent == pytest.approx(20)


def test_retriers_and_catchers_count_when_they_act(cover):
    failure = {"error": "Lambda.ServiceException", "cause": "x (Service: Lambda; Status Code: 500; Request ID: 1)"}
    coverage, (ended,) = cover(EVERYTHING, {"n": 3}, answers=[failure, failure])
    assert ended["error"] == "Sorry"
    assert covered(coverage) == {
        "state Which",
        "branch Which 3 -> Call",
        "state Call",
        "retrier Call 2: States.TaskFailed",
        "catcher Call 2: States.ALL",
        "state Sorry",
    }


def test_what_lies_inside_a_map_counts(cover):
    coverage, _ = cover(EVERYTHING, {"n": 9, "items": [1, 2]})
    assert {"branch Which Default", "state Inner", "transition Inner -> Last", "transition Last -> (end)"} <= covered(
        coverage
    )
    assert coverage.counts[next(item for item in coverage.counts if str(item) == "state Inner")] == 2


def test_everything_makes_100_percent(cover):
    failure = {"error": "Lambda.ServiceException", "cause": "x (Service: Lambda; Status Code: 500; Request ID: 1)"}
    definition = json.loads(json.dumps(EVERYTHING))
    del definition["States"]["Call"]["Retry"][0]
    del definition["States"]["Call"]["Catch"][0]
    events = [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 3}, {"n": 4, "items": [0]}]
    coverage, _ = cover(definition, *events, answers=[failure, failure, {"output": {}}])
    assert (coverage.missed, coverage.percent) == ([], 100)


def test_a_choice_that_nothing_matches_fails_as_on_aws(cover):
    definition = json.loads(json.dumps(EVERYTHING))
    del definition["States"]["Which"]["Default"]
    del definition["States"]["Each"]
    _, (ended,) = cover(definition, {"n": 5})
    assert ended["error"] == "States.NoChoiceMatched"
    assert ended["cause"].startswith("An error occurred while executing the state 'Which' (entered at the event id #2)")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("Orders", True),
        ("shop-*", True),
        ("shop-Orders-1A2B3C4D5E6F", True),
        ("shop-Orders", True),
        ("Order", False),
        ("shop", False),
    ],
)
def test_a_machine_is_named_by_name_pattern_or_logical_id(asked, meant):
    assert is_meant("shop-Orders-1A2B3C4D5E6F", asked) is meant
    assert not is_meant(f"{asked}-withoutAnything", asked) or "*" in asked


SUITE = """
import json
import boto3
import pytest
from harness.project.executions import wait

WHO = {"Service": "states.amazonaws.com"}
TRUST = {"Statement": [{"Effect": "Allow", "Principal": WHO, "Action": "sts:AssumeRole"}]}
MACHINE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}
TWO = {"StartAt": "C", "States": {
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": True, "Next": "D"}], "Default": "E"},
    "D": {"Type": "Succeed"}, "E": {"Type": "Succeed"}}}

@pytest.mark.parametrize(("name", "machine"), [("straight", MACHINE), ("forked", TWO)])
def test_runs(target, name, machine):
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    states = boto3.client("stepfunctions")
    arn = states.create_state_machine(name=name, definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
    run = states.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
    wait(states, run, timeout=60)
"""


@pytest.mark.slow
def test_pytest_tells_coverage_writes_a_page_and_fails_below_a_share(tmp_path):
    (tmp_path / "test_machines.py").write_text(SUITE)

    def suite(*options):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_machines.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    short = suite("--asl-cov", "--asl-cov-html", "out/cover.html", "--asl-cov-fail-under", "90")
    assert short.returncode == 1, short.stdout
    assert "forked     60.0 %  states 2/3  branches 1/2" in short.stdout
    assert "  missed: branch C 1 -> D" in short.stdout
    assert "straight  100.0 %  states 2/2  transitions 1/1" in short.stdout
    assert "FAIL: 60.0 % is below the 90 % asked for" in short.stdout
    page = (tmp_path / "out" / "cover.html").read_text()
    assert "forked: 60.0 %" in page and 'class="missed"' in page
    enough = suite("--asl-cov-machine", "straight", "--asl-cov-fail-under", "100")
    assert enough.returncode == 0, enough.stdout
    assert "forked" not in enough.stdout
