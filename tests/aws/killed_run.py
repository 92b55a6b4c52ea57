"""Runs of the workflow on an emulator that stands in for AWS, each killed at the Nth call that changes something.

    python -m tests.aws.killed_run URL DATA NAMES

Reads N, a line each, from standard input, and answers with how the run ended; 0 kills none. NAMES is a file to which
the name of each such call is written before it is sent. Nothing can be done about SIGKILL: no handler runs, no
``finally``, no exit function. Each run is a fork of this process, which has imported all that takes long.
"""

import itertools
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

import samtranslator.translator.translator  # noqa: F401

from harness.project.session import SharedClients
from harness.scones.aws.run import deployed_on_aws
from harness.scones.dataset.transform import from_folder
from harness.settings import Settings
from harness.targets.aws import aws
from tests.deployed import machine, policies

SERVICES = (
    "s3",
    "iam",
    "sagemaker",
    "lambda",
    "cloudformation",
    "logs",
    "scheduler",
    "stepfunctions",
    "resourcegroupstaggingapi",
    "service-quotas",
)
READS = ("Get", "List", "Describe", "Head", "Invoke")
ROOT = Path(__file__).parent.parent.parent


def main():
    url, data, names = sys.argv[1:]
    settings = Settings(target="aws", aws_stand_in=url, consent="yes", max_cost=10.0, aws_account="123456789012")
    dataset = from_folder(Path(data))
    with aws(settings) as target:
        session = SharedClients()
        for service in SERVICES:
            session.client(service)  # made for all runs; none has a connection yet that they would share
        for line in sys.stdin:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    run(target, session, settings, dataset, Path(names), int(line))
                    code = 0
                except BaseException:
                    traceback.print_exc()
                os._exit(code)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


def run(target, session, settings, dataset, names, last):
    numbers, lock = itertools.count(1), threading.Lock()
    with names.open("w", buffering=1) as file:

        def note(model, **_):
            if model.name.startswith(READS):
                return
            with lock:  # several threads load the images
                file.write(f"{model.service_model.service_name}.{model.name}\n")
                if next(numbers) == last:
                    os.kill(os.getpid(), signal.SIGKILL)

        for service in SERVICES:
            session.client(service).meta.events.register("before-call", note)
        with deployed_on_aws(target, session, settings, ROOT, dataset) as scones:
            # As a test does that makes variants of the workflow.
            tags = [{"key": key, "value": value} for key, value in scones.tags.items()]
            original = machine(scones)
            states, iam = session.client("stepfunctions"), session.client("iam")
            role = original["roleArn"].rpartition("/")[2]
            document = policies(scones)[role]["invoke-functions"]
            iam.put_role_policy(RoleName=role, PolicyName="variants", PolicyDocument=str(document).replace("'", '"'))
            made = states.create_state_machine(
                name=f"{original['name']}-variant",
                definition=original["definition"],
                roleArn=original["roleArn"],
                tags=tags,
            )
            states.delete_state_machine(stateMachineArn=made["stateMachineArn"])
            iam.delete_role_policy(RoleName=role, PolicyName="variants")


if __name__ == "__main__":
    main()
