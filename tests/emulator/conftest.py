"""Roles with which the emulator's tests create functions and state machines."""

import json

import boto3
import pytest

from tests.emulator.acting import Actors

SERVICES = ["lambda.amazonaws.com", "states.amazonaws.com", "sagemaker.amazonaws.com"]


def make_role(name, *statements):
    """A role that services may take on, with *statements* as its policy; its ARN."""
    iam = boto3.client("iam")
    trust = [{"Effect": "Allow", "Principal": {"Service": SERVICES}, "Action": "sts:AssumeRole"}]
    document = {"Version": "2012-10-17", "Statement": trust}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    if statements:
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    return arn


def delete_role(name):
    iam = boto3.client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


@pytest.fixture(scope="session")
def role(target):
    """ARN of a role that may do everything."""
    yield make_role("everything", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    delete_role("everything")


@pytest.fixture
def actors(target):
    """Makes roles and who acts as them."""
    made = Actors()
    yield made
    made.close()
