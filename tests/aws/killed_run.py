"""A run of the workflow on an emulator that stands in for AWS, killed at the Nth call that changes something.

    python -m tests.aws.killed_run URL DATA NAMES [N]

NAMES is a file to which each such call's name is written before it is sent. Nothing can be done about SIGKILL: no
handler runs, no ``finally``, no exit function.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import boto3

from harness.settings import Settings
from harness.targets.aws import aws
from harness.workflow.cloud import deployed_on_aws
from harness.workflow.dataset.transform import from_folder

READS = ("Get", "List", "Describe", "Head", "Invoke", "SimulatePrincipal")


def main():
    url, data, names = sys.argv[1:4]
    last = int(sys.argv[4]) if len(sys.argv) > 4 else None
    settings = replace(
        Settings(), target="aws", aws_stand_in=url, consent="yes", max_cost=10.0, aws_account="123456789012"
    )
    root = Path(__file__).parent.parent.parent
    with aws(settings) as target, Path(names).open("w", buffering=1) as file:
        session, count = boto3.Session(), 0

        def note(model, **_):
            nonlocal count
            if model.name.startswith(READS):
                return
            count += 1
            file.write(f"{model.service_model.service_name}.{model.name}\n")
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)

        session.events.register("before-call", note)
        with deployed_on_aws(target, session, settings, root, from_folder(Path(data))) as scones:
            # As a test does that makes variants of the workflow.
            tags = [{"key": key, "value": value} for key, value in scones.tags.items()]
            (machine,) = scones.plan.state_machines
            states, iam = session.client("stepfunctions"), session.client("iam")
            role = machine.role_arn.rpartition("/")[2]
            document = scones.plan.roles[0].policies["write-logs"]
            iam.put_role_policy(RoleName=role, PolicyName="variants", PolicyDocument=str(document).replace("'", '"'))
            made = states.create_state_machine(
                name=f"{machine.name}-variant", definition=machine.definition, roleArn=machine.role_arn, tags=tags
            )
            states.delete_state_machine(stateMachineArn=made["stateMachineArn"])
            iam.delete_role_policy(RoleName=role, PolicyName="variants")


if __name__ == "__main__":
    main()
