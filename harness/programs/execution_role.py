"""As whom a program runs where the target hands out a user's credentials: as a role, as in a SageMaker notebook."""

from __future__ import annotations

import contextlib
import json

from harness.emulator.identity import ROLE_NAME, ROLE_PATH, SESSION_NAME

_NAME = f"{ROLE_NAME}-Notebook"
"""AWS's console appends something of its own as well."""


def as_execution_role(account: str) -> dict[str, str]:
    """Make an execution role, if there is none, and begin a session of it.

    The SageMaker SDK's ``get_execution_role()`` wants the caller to be a role. LocalStack's caller is a user.

    Args:
        account: the account that answers.

    Returns:
        the variables with the session's credentials.
    """
    import boto3

    iam, sts = boto3.client("iam"), boto3.client("sts")
    principal = {"Service": "sagemaker.amazonaws.com", "AWS": f"arn:aws:iam::{account}:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=_NAME, Path=ROLE_PATH, AssumeRolePolicyDocument=_document(trust))
        iam.put_role_policy(RoleName=_NAME, PolicyName="everything", PolicyDocument=_document(everything))
    arn = iam.get_role(RoleName=_NAME)["Role"]["Arn"]
    session = sts.assume_role(RoleArn=arn, RoleSessionName=SESSION_NAME)["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


def _document(statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
