"""How long a history may grow: this alone takes ten seconds, so it is not among the local tests."""

import json

import boto3
import pytest

from tests.waiting import execution_ended

pytestmark = pytest.mark.slow

LOOP = {
    "QueryLanguage": "JSONata",
    "StartAt": "More",
    "States": {
        "More": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.n > 0 %}", "Next": "One", "Output": "{% $states.input %}"}],
            "Default": "Enough",
        },
        "One": {"Type": "Pass", "Output": {"n": "{% $states.input.n - 1 %}"}, "Next": "More"},
        "Enough": {"Type": "Pass", "Next": "Last"},
        "Last": {"Type": "Pass", "End": True},
    },
}
"""Goes round n times: 4 n + 8 events."""


@pytest.mark.parametrize(("start", "status"), [("More", "SUCCEEDED"), ("Another", "FAILED")])
def test_a_history_has_25_000_events(target, role, start, status):
    definition = {**LOOP, "StartAt": start}
    definition["States"] = {**LOOP["States"], "Another": {"Type": "Pass", "Next": "More"}}
    if start == "More":
        del definition["States"]["Another"]
    states = boto3.client("stepfunctions")
    made = states.create_state_machine(name=f"history-{start}", definition=json.dumps(definition), roleArn=role)
    machine = made["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input='{"n": 6248}')["executionArn"]
    answer = execution_ended(states, arn, 120)
    last = states.get_execution_history(executionArn=arn, maxResults=1, reverseOrder=True)["events"][0]
    assert (answer["status"], last["id"]) == (status, 25_000)
    if status == "FAILED":
        assert answer["error"] == "States.Runtime"
        assert answer["cause"] == "The execution reached the maximum number of history events (25000)."
        assert last["executionFailedEventDetails"] == {"error": answer["error"], "cause": answer["cause"]}
