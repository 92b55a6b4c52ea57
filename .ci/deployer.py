"""Makes the role on a stand-in for AWS as which `pytest -m aws` deploys, and its roles' boundary; prints both ARNs.

Policy and boundary are the guide's.

python .ci/deployer.py http://127.0.0.1:PORT
"""

import json
import os
import sys
import urllib.request
from pathlib import Path

import boto3

NAME = "deployer"


def main(url: str) -> None:
    """Make the role on the emulator at *url*, and print its ARN."""
    with urllib.request.urlopen(f"{url}/_harness/environment", timeout=10) as answer:
        os.environ.update(json.load(answer)["environment"], AWS_ENDPOINT_URL=url)
    account = boto3.client("sts").get_caller_identity()["Account"]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = boto3.client("iam")
    role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    docs = Path(__file__).parents[1] / "docs"
    iam.put_role_policy(RoleName=NAME, PolicyName="deploy", PolicyDocument=(docs / "aws-policy.json").read_text())
    boundary = (docs / "aws-boundary.json").read_text()
    print(role, iam.create_policy(PolicyName="scones-boundary", PolicyDocument=boundary)["Policy"]["Arn"])


main(sys.argv[1])
