"""Somebody who acts as a role with given policies, for tests of what is refused."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"


def document(*statements):
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def trust_of(principal, **more):
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def refused(call, **arguments):
    """The code and message with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


class Actors:
    """Makes roles, and sessions that act as them; removes them afterwards."""

    def __init__(self):
        self._iam = boto3.client("iam")
        self._made = []

    def role(self, *statements, trust=None, **more):
        """ARN of a role with *statements* as its policy, that the account trusts unless *trust* says otherwise."""
        name = f"actor-{uuid.uuid4().hex[:8]}"
        trust = trust or trust_of({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        arn = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)["Role"]["Arn"]
        self._made.append(name)
        if statements:
            self._iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=document(*statements))
        return arn

    def acting(self, role, **more):
        """A boto3 session that acts as *role*."""
        given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="me", **more)["Credentials"]
        return boto3.session.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def session(self, *statements, **more):
        """A boto3 session that may do what *statements* say."""
        return self.acting(self.role(*statements, **more))

    def close(self):
        for name in self._made:
            for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]:
                self._iam.delete_role_policy(RoleName=name, PolicyName=policy)
            for policy in self._iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                self._iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
            self._iam.delete_role(RoleName=name)
