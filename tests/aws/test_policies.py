"""The policies that are shipped are enough for all that is done with them, and nothing in them is for nothing."""

import json
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest

from tests.aws.conftest import ACCOUNT, BOUNDARY, everything, started
from tests.aws.test_cloud import harness
from tests.deployed import declared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

AGREED = ("--yes", "--max-cost", "6", "--account", ACCOUNT)
BY_CLOUDFORMATION = {
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:UntagRole",
    "iam:PutRolePermissionsBoundary",
    "iam:UpdateRole",
    "lambda:GetFunctionCodeSigningConfig",
    "lambda:GetFunctionRecursionConfig",
    "lambda:GetRuntimeManagementConfig",
    "lambda:ListTags",
    "lambda:UpdateFunctionCode",
    "lambda:UntagResource",
    "logs:DeleteRetentionPolicy",
    "logs:DescribeIndexPolicies",
    "logs:GetDataProtectionPolicy",
    "logs:ListTagsForResource",
    "logs:UntagResource",
    "states:ListStateMachineVersions",
    "states:ListTagsForResource",
    "states:UntagResource",
    "cloudformation:UntagResource",
}
"""What AWS's handlers of the template's resource types ask for as the deployer, and the emulator's do not."""
IN_TROUBLE = {"sagemaker:StopTrainingJob", "states:RedriveExecution"}
"""Asked for when a run is broken off, an evaluation is resumed: see test_cloud and test_killed."""
LOG_DELIVERY = {
    f"logs:{action}"
    for action in (
        "CreateLogDelivery",
        "DeleteLogDelivery",
        "DescribeResourcePolicies",
        "GetLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "UpdateLogDelivery",
    )
}
"""Asked of the state machine's role here; AWS's guide has it of whoever makes the state machine, too."""
WITH_ITS_GROUP = {"scheduler:DeleteSchedule"}
"""Schedules go with their group; that AWS asks for no permission of its own for that is not written anywhere."""
UNSEEN_HERE = {
    # SageMaker's own metrics, which are not emulated.
    ("scones-sagemaker-execution", "cloudwatch:PutMetricData"),
    ("scones-sagemaker-execution", "logs:DescribeLogStreams"),
    # AWS asks for it when logging is switched off.
    ("scones-image-classification", "logs:DeleteLogDelivery"),
    # A Map Run that is stopped or resumed, items that are a prefix's objects, results that AWS writes in parts.
    *(
        (role, action)
        for role in ("scones-batch-evaluation", "scones-batch-evaluation-inline")
        for action in (
            "s3:AbortMultipartUpload",
            "s3:ListBucket",
            "s3:ListMultipartUploadParts",
            "states:RedriveExecution",
            "states:StopExecution",
        )
    ),
    ("scones-image-batch", "states:StopExecution"),
    # The watchdog fires in test_cloud.
    ("scones-watchdog", "sagemaker:DeleteEndpoint"),
}
"""Of the template's roles: what AWS's guides ask for, and the emulator has no use for."""


@pytest.fixture(scope="module")
def emulator_process(tmp_path_factory):
    """One of its own: what was seen on another was seen in other tests as well."""
    with started(tmp_path_factory.mktemp("policies")) as stand_in:
        yield stand_in


@pytest.fixture
def observed(place, stand_in, root, drawings, tmp_path, deployer):
    """What each role was seen doing in the suite, two deployments, two evaluations, a sweep and the removal."""

    who = {"HARNESS_AWS_STAND_IN_ROLE": deployer, "HARNESS_PERMISSIONS_BOUNDARY": BOUNDARY}

    def run(*arguments, **environment):
        done = harness(stand_in, root, *arguments, **who, **environment)
        assert done.returncode == 0, done.stdout + done.stderr

    suite = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "aws", "-q", "-p", "no:cacheprovider", *AGREED],
        cwd=root,
        env=stand_in.environment(**who, HARNESS_RECORDINGS=str(tmp_path / "recorded")),
        capture_output=True,
        text=True,
    )
    assert suite.returncode == 0, suite.stdout
    deploy = ("deploy", "--target", "aws", "--data", drawings, *AGREED)
    run(*deploy, "--executions", "1")
    # Changed: the stack, the endpoint's configuration, and when all of it expires.
    changed = {"HARNESS_THRESHOLD": "0.5", "HARNESS_ENDPOINT_INSTANCE": "ml.m5.large", "HARNESS_LIFETIME_HOURS": "9"}
    run(*deploy, **changed)
    for workflow in ("nested", "inline"):
        output = ("--workflow", workflow, "--output", tmp_path / workflow)
        run("evaluate", drawings, "--target", "aws", *AGREED, *output)
    run("sweep")
    run("destroy", "--target", "aws", "--account", ACCOUNT)
    _, session = place
    assert everything(session) == {("role", "deployer")}
    return {role: set(actions_of(policy)) for role, policy in stand_in.control("GET", "policies")["policies"].items()}


def actions_of(policy):
    for statement in policy["Statement"]:
        yield from [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def unused(policy, seen):
    """Actions of *policy*, patterns among them, none of which was seen."""
    return {action for action in actions_of(policy) if not any(fnmatchcase(name, action) for name in seen)}


def test_nothing_in_them_is_for_nothing(observed, place, root):
    guide = json.loads((root / "docs" / "aws-policy.json").read_text())
    assert unused(guide, observed["deployer"]) == BY_CLOUDFORMATION | IN_TROUBLE | LOG_DELIVERY | WITH_ITS_GROUP
    roles = declared(root)
    assert len(roles) == 11
    never = {
        (role, action)
        for role, documents in roles.items()
        for document in documents
        for action in unused(document, observed.get(f"{role}-us-east-1", set()))
    }
    assert never == UNSEEN_HERE
