"""Who deploys by the guide's policy, and the boundary of the roles that they make."""

import json
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from harness.cloud.removal import remove_all
from harness.project.executions import run
from harness.project.presence import Found
from harness.project.stack import StackFailure
from harness.scones.aws.run import deployed_on_aws
from tests.aws.conftest import ACCOUNT, BOUNDARY, everything
from tests.aws.test_cloud import MODEL
from tests.deployed import declared
from tests.validated import ValidatedSession

pytestmark = pytest.mark.slow


def test_the_policy_in_the_guide_is_enough(place, stand_in, root, dataset, deployer):
    target, session = place
    iam, sts = session.client("iam"), session.client("sts")
    given = sts.assume_role(RoleArn=deployer, RoleSessionName="ci")["Credentials"]
    acting = ValidatedSession(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert ":assumed-role/deployer/ci" in acting.client("sts").get_caller_identity()["Arn"]
    settings = replace(stand_in.settings, permissions_boundary=BOUNDARY)
    with deployed_on_aws(target, acting, settings, root, dataset) as scones:
        key = f"test/{dataset.test['filename'].iloc[0]}"
        result = run(acting.client("stepfunctions"), scones.state_machine_arn, scones.event(key))
        assert result.status in ("SUCCEEDED", "FAILED")
    assert everything(session) == {("role", "deployer")}

    # And it is held against it: without a statement, what needs that is refused, in AWS's words.
    document = json.loads((root / "docs" / "aws-policy.json").read_text())
    document["Statement"] = [item for item in document["Statement"] if item["Sid"] != "Watchdog"]
    iam.put_role_policy(RoleName="deployer", PolicyName="deploy", PolicyDocument=json.dumps(document))
    with (
        pytest.raises(ClientError, match=r"assumed-role/deployer/ci is not authorized to perform: scheduler:"),
        deployed_on_aws(target, acting, settings, root, dataset),
    ):
        pass


def test_who_deploys_by_the_guide_makes_no_role_beyond_the_boundary(place, stand_in, root, dataset, deployer):
    target, session = place
    given = session.client("sts").assume_role(RoleArn=deployer, RoleSessionName="ci")["Credentials"]
    acting = ValidatedSession(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    settings = replace(stand_in.settings, model=str(root / MODEL))
    with (
        pytest.raises(StackFailure, match=r"deployer/ci is not authorized to perform: iam:CreateRole"),
        deployed_on_aws(target, acting, settings, root, dataset),
    ):
        pass
    mine, theirs = acting.client("iam"), session.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
    theirs.create_role(RoleName="scones-unbounded", AssumeRolePolicyDocument=document)
    theirs.create_role(RoleName="scones-bounded", AssumeRolePolicyDocument=document, PermissionsBoundary=BOUNDARY)
    other = theirs.create_policy(PolicyName="scones-other", PolicyDocument=policy)["Policy"]["Arn"]
    new = {"RoleName": "scones-new", "AssumeRolePolicyDocument": document}
    for refused in (
        lambda: mine.create_role(**new, PermissionsBoundary=other),
        lambda: mine.put_role_policy(RoleName="scones-unbounded", PolicyName="all", PolicyDocument=policy),
        lambda: mine.update_assume_role_policy(RoleName="scones-unbounded", PolicyDocument=document),
        lambda: mine.put_role_permissions_boundary(RoleName="scones-bounded", PermissionsBoundary=other),
        lambda: mine.delete_role_permissions_boundary(RoleName="scones-bounded"),
        lambda: mine.create_policy_version(PolicyArn=BOUNDARY, PolicyDocument=policy, SetAsDefault=True),
    ):
        with pytest.raises(ClientError, match="is not authorized to perform: iam:"):
            refused()
    mine.put_role_policy(RoleName="scones-bounded", PolicyName="all", PolicyDocument=policy)
    mine.update_assume_role_policy(RoleName="scones-bounded", PolicyDocument=document)
    theirs.delete_policy(PolicyArn=other)
    roles = [Found.named("role", name, ACCOUNT, "") for name in ("scones-bounded", "scones-unbounded")]
    assert remove_all(roles, session) == []


def test_the_boundary_allows_what_the_roles_may_do_and_nothing_else(root):
    documents = [document for documents in declared(root).values() for document in documents]

    def actions(document):
        for statement in document["Statement"]:
            yield from [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]

    of_roles = {action for document in documents for action in actions(document)}
    assert set(actions(json.loads((root / "docs" / "aws-boundary.json").read_text()))) == of_roles


def test_policies_are_short_enough_to_be_managed_ones(root):
    for name in ("aws-policy.json", "aws-boundary.json"):
        assert len("".join((root / "docs" / name).read_text().split())) <= 6_144
