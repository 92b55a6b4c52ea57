"""What a deployed stack is made of, as its services tell, and what its template declares."""

from harness.project.template import load_template


def physical(scones, kind):
    """Physical ids of a stack's resources of a kind, by their logical ids."""
    return {name: item.physical_id for name, item in scones.stack.resources.items() if item.type == kind}


def policies(scones):
    """Documents of all roles' inline policies, by name, by role, without what tests put there."""
    iam = scones.session.client("iam")
    return {
        role: {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
            if name != "variants"
        }
        for role in physical(scones, "AWS::IAM::Role").values()
    }


def machine(scones, name="ImageClassificationStateMachine"):
    """A state machine of the stack, as DescribeStateMachine has it."""
    arn = scones.stack.resources[name].physical_id
    return scones.session.client("stepfunctions").describe_state_machine(stateMachineArn=arn)


def declared(root):
    """Documents of the policies that template.yaml declares, by role, without what its names carry on AWS."""
    resources = load_template(root / "template.yaml")["Resources"].values()
    roles = [item["Properties"] for item in resources if item["Type"] == "AWS::IAM::Role"]
    return {
        role["RoleName"]["Fn::Sub"].removesuffix("${RoleSuffix}"): [
            policy["PolicyDocument"] for policy in role["Policies"]
        ]
        for role in roles
    }
