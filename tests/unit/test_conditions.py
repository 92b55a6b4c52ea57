"""Conditions of policies, as IAM's user guide describes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.access.conditions import are_met, fill_in
from harness.emulator.access.policies import Asked, effects

REQUEST = {
    "aws:username": ["ann"],
    "aws:requestedregion": ["us-east-1"],
    "aws:tagkeys": ["owner", "project"],
    "aws:currenttime": ["2026-11-25T12:00:00Z"],
    "aws:principalarn": ["arn:aws:iam::123456789012:role/service-role/deployer"],
    "aws:securetransport": ["true"],
    "aws:sourceip": ["192.0.2.7"],
    "s3:max-keys": ["10"],
    "s3:prefix": ["home/ann/x"],
    "sagemaker:instancetypes": [],
}


def met(operator, key, wanted):
    return are_met({operator: {key: wanted}}, REQUEST.get)


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "is_met"),
    [
        ("StringEquals", "aws:RequestedRegion", "us-east-1", True),
        ("StringEquals", "AWS:requestedregion", ["eu-west-1", "us-east-1"], True),
        ("StringEquals", "aws:RequestedRegion", "us-*", False),
        ("StringNotEquals", "aws:RequestedRegion", ["eu-west-1", "us-east-1"], False),
        ("StringNotEquals", "aws:RequestedRegion", "eu-west-1", True),
        ("StringEqualsIgnoreCase", "aws:RequestedRegion", "US-EAST-1", True),
        ("StringLike", "aws:RequestedRegion", "us-????-*", True),
        ("StringLike", "s3:prefix", "home/${aws:username}/*", True),
        ("StringLike", "s3:prefix", "home/${aws:nobody}/*", False),
        ("StringLike", "s3:prefix", "home/${aws:nobody, 'ann'}/*", True),
        ("StringEquals", "s3:prefix", "home/${aws:username}/x", True),
        ("StringNotLike", "s3:prefix", "home/*", False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*", True),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/service-role/*", True),
        ("ArnLike", "aws:PrincipalArn", "arn:*role/*", False),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:user/*", True),
        ("Bool", "aws:SecureTransport", "true", True),
        ("Bool", "aws:SecureTransport", False, False),
        ("NumericLessThanEquals", "s3:max-keys", "10", True),
        ("NumericLessThan", "s3:max-keys", 10, False),
        ("NumericNotEquals", "s3:max-keys", "9", True),
        ("NumericEquals", "s3:max-keys", "ten", False),
        ("DateGreaterThan", "aws:CurrentTime", "2026-01-01T00:00:00Z", True),
        ("DateLessThan", "aws:CurrentTime", "2026-11-25T12:00:00Z", False),
        ("DateLessThan", "aws:CurrentTime", "1900000000", True),
        ("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "192.0.2.0/24"], True),
        ("NotIpAddress", "aws:SourceIp", "192.0.2.0/24", False),
        ("IpAddress", "aws:SourceIp", "somewhere", False),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["owner", "project", "expiry"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["owner"], False),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["owner"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["expiry"], False),
        ("ForAllValues:StringEquals", "sagemaker:InstanceTypes", "ml.m5.large", True),
        ("ForAnyValue:StringEquals", "sagemaker:InstanceTypes", "ml.m5.large", False),
        # A key that the request does not have.
        ("StringEquals", "aws:Nothing", "x", False),
        ("StringNotEquals", "aws:Nothing", "x", True),
        ("StringEqualsIfExists", "aws:Nothing", "x", True),
        ("StringEqualsIfExists", "aws:RequestedRegion", "x", False),
        ("ForAllValues:StringEquals", "aws:Nothing", "x", True),
        ("ForAnyValue:StringEquals", "aws:Nothing", "x", False),
        ("ForAnyValue:StringNotEquals", "aws:Nothing", "x", False),
        ("Null", "aws:Nothing", "true", True),
        ("Null", "aws:RequestedRegion", "true", False),
        ("Null", "aws:RequestedRegion", False, True),
        # What is not known allows nothing and denies nothing.
        ("StringResembles", "aws:RequestedRegion", "us-east-1", False),
    ],
)
def test_an_operator(operator, key, wanted, is_met):
    assert met(operator, key, wanted) is is_met


def test_all_conditions_of_a_statement_must_be_met():
    region = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    assert are_met(region, REQUEST.get)
    assert not are_met({**region, "Bool": {"aws:SecureTransport": "false"}}, REQUEST.get)
    assert not are_met({"StringEquals": {"aws:RequestedRegion": "us-east-1", "aws:username": "bob"}}, REQUEST.get)


def test_variables_and_their_literal_forms():
    assert fill_in("${*}/${?}/${$}/${aws:username}", REQUEST.get).fullmatch("*/?/$/ann")
    assert not fill_in("${*}", REQUEST.get).fullmatch("anything")
    assert fill_in("${aws:tagkeys}", REQUEST.get) is None  # several values


@given(st.text(), st.text(alphabet="ab*?"))
def test_a_pattern_without_variables_is_a_glob(text, pattern):
    import fnmatch

    if not set(text) & set("["):
        assert bool(fill_in(pattern, REQUEST.get).fullmatch(text)) is fnmatch.fnmatchcase(text, pattern)


def test_a_statement_whose_conditions_are_not_met_denies_nothing():
    denies = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"k": "true"}}}}'
    assert effects([denies], Asked("s3:GetObject", "arn:aws:s3:::b/k", REQUEST.get)) == set()
    assert effects([denies], Asked("s3:GetObject", "arn:aws:s3:::b/k", {"k": ["true"]}.get)) == {"Deny"}
