"""The roles of template.yaml allow what is needed and nothing else: without any one statement, the workflow breaks."""

import copy
import json
import uuid

import pytest

from harness.project.executions import run
from tests.deployed import machine, policies

pytestmark = [pytest.mark.parametrize("images", ["synthetic"], indirect=True)]

STATEMENTS = [
    ("scones-serialize-image-data", "s3:GetObject"),
    ("scones-serialize-image-data", "s3:ListBucket"),
    ("scones-serialize-image-data", "logs:PutLogEvents"),
    ("scones-classify-image-data", "sagemaker:InvokeEndpoint"),
    ("scones-classify-image-data", "logs:PutLogEvents"),
    ("scones-threshold-image-data", "logs:PutLogEvents"),
    ("scones-image-classification", "lambda:InvokeFunction"),
]
LOG_DELIVERY = ("scones-image-classification", "logs:DescribeLogGroups")
"""Needed when the state machine is made, not when it runs."""
FUNCTIONS = {
    "scones-serialize-image-data": "serializeImageData",
    "scones-classify-image-data": "classifyImageData",
    "scones-threshold-image-data": "thresholdImageData",
}


EXECUTING = {*FUNCTIONS, "scones-image-classification"}
"""The roles of what runs during an execution."""


def statements(scones):
    """Each statement of these roles: the role, the policy, the policy without it, and one of its actions."""
    for role, documents in policies(scones).items():
        for name, document in documents.items() if role in EXECUTING else ():
            for index, statement in enumerate(document["Statement"]):
                rest = copy.deepcopy(document)
                del rest["Statement"][index]
                actions = statement["Action"]
                yield role, name, rest, [actions] if isinstance(actions, str) else actions


def test_the_list_above_has_every_statement(scones, images):
    found = [(role, actions[-1]) for role, _, _, actions in statements(scones)]
    assert sorted(found) == sorted([*STATEMENTS, LOG_DELIVERY])


@pytest.fixture
def without(scones):
    """Takes one statement away for the test."""
    iam = scones.session.client("iam")
    restored = []

    def take(role, action):
        for name, policy, rest, actions in statements(scones):
            if name == role and action in actions:
                before = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
                restored.append((role, policy, before))
                if rest["Statement"]:
                    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(rest))
                else:
                    iam.delete_role_policy(RoleName=role, PolicyName=policy)

    yield take
    for role, policy, document in restored:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def outcome(scones, states, control, images):
    """What the workflow comes to: two executions, and who wrote to its log."""
    there = run(states, scones.state_machine_arn, scones.event(images.above(0.93)))
    missing = run(states, scones.state_machine_arn, scones.event(f"test/{uuid.uuid4().hex}.png"))
    control.flush()
    logs, logged = scones.session.client("logs"), set()
    for function in FUNCTIONS.values():
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", startTime=0)["events"]
        if any(event["timestamp"] >= there.started.timestamp() * 1000 - 5 for event in events):
            logged.add(function)
    return there, missing, logged


def test_with_all_of_them_the_workflow_runs(scones, states, control, images):
    there, missing, logged = outcome(scones, states, control, images)
    assert there.status == "SUCCEEDED", there.cause
    assert missing.error == "NoSuchKey"
    assert logged == set(FUNCTIONS.values())


@pytest.mark.parametrize(("role", "action"), STATEMENTS)
def test_without_any_one_it_breaks(clock, without, scones, states, control, images, role, action):
    without(role, action)
    there, missing, logged = outcome(scones, states, control, images)
    account = scones.state_machine_arn.split(":")[4]
    user = f"User: arn:aws:sts::{account}:assumed-role/{role}/"
    because = f"because no identity-based policy allows the {action} action"
    match action:
        case "s3:GetObject":
            assert there.error == "AccessDenied"
            assert user in there.cause and because in there.cause
        case "s3:ListBucket":
            assert (there.status, missing.error) == ("SUCCEEDED", "AccessDenied")
            assert user in missing.cause and because in missing.cause
        case "sagemaker:InvokeEndpoint":
            # boto3 has no class for it, as the API's model does not name it.
            assert there.error == "ClientError"
            assert "(AccessDeniedException)" in there.cause
            assert user in there.cause and because in there.cause
        case "lambda:InvokeFunction":
            assert there.error == "Lambda.AWSLambdaException"
            assert there.cause.startswith(user) and because in there.cause
            assert (there.stopped - there.started).total_seconds() > 120  # it was tried again, on the test clock
        case "logs:PutLogEvents":
            assert there.status == "SUCCEEDED"
            assert logged == set(FUNCTIONS.values()) - {FUNCTIONS[role]}


def test_without_log_delivery_a_logged_state_machine_is_refused(without, scones, states, images):
    without(*LOG_DELIVERY)
    logged = machine(scones)
    with pytest.raises(states.exceptions.ClientError, match="not authorized to access the Log Destination"):
        states.create_state_machine(
            name="logged",
            definition=logged["definition"],
            roleArn=logged["roleArn"],
            loggingConfiguration=logged["loggingConfiguration"],
        )


def test_the_smallest_policy_is_what_the_template_has(scones, states, control, images):
    run(states, scones.state_machine_arn, scones.event(images.above(0.93)))
    policy = control.get("policies")["policies"]["scones-classify-image-data"]
    (invoke,) = [statement for statement in policy["Statement"] if statement["Action"] == "sagemaker:InvokeEndpoint"]
    assert invoke["Resource"].endswith(f":endpoint/{scones.endpoint}")
    declared = policies(scones)["scones-classify-image-data"]
    allowed = {action for document in declared.values() for action in _actions(document)}
    assert _actions(policy) == allowed


def _actions(document):
    found = set()
    for statement in document["Statement"]:
        actions = statement["Action"]
        found.update([actions] if isinstance(actions, str) else actions)
    return found
