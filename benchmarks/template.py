"""Reads ``template.yaml`` once, from process start: ``ours``, or ``sam`` for the translator that SAM CLI runs.

SAM CLI has no Step Functions engine, so this is where it can be a peer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
PARAMETERS = {"BucketName": "bucket", "EndpointName": "endpoint", "Threshold": "0.93"}
REGION = "us-east-1"


def ours() -> int:
    """Read it into a plan; gives how many functions there are."""
    from harness.project.configuration import Configuration
    from harness.project.plan import plan_stack

    plan = plan_stack(Configuration(TEMPLATE, "stack", PARAMETERS), "bucket", REGION, [])
    return list(plan.resources.values()).count("AWS::Serverless::Function")


def sam() -> int:
    """Translate it into CloudFormation; gives how many functions there are."""
    import boto3
    from cfnlint.decode.cfn_yaml import load
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    template = json.loads(json.dumps(load(str(TEMPLATE))))
    for resource in template["Resources"].values():
        for name in ("CodeUri", "DefinitionUri"):  # as `sam package` does
            if name in resource["Properties"]:
                resource["Properties"][name] = {"Bucket": "bucket", "Key": resource["Properties"][name]}
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    translated = translator.translate(template, PARAMETERS)
    return sum(resource["Type"] == "AWS::Lambda::Function" for resource in translated["Resources"].values())


if __name__ == "__main__":
    print({"ours": ours, "sam": sam}[sys.argv[1]]())
