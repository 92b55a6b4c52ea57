"""New buckets are as AWS makes them, and a request may name the account that must own its bucket."""

import json

import boto3
import pytest

from tests.emulator.acting import ACCOUNT, allow, refused

OTHER = "111122223333"


@pytest.fixture
def bucket(new_bucket):
    """A bucket for one test, as it is made."""
    return new_bucket()


def test_a_new_bucket_is_encrypted_and_closed_to_the_public(bucket):
    s3 = boto3.client("s3")

    def rule():
        (found,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        return found["ApplyServerSideEncryptionByDefault"]

    assert rule() == {"SSEAlgorithm": "AES256"}
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    own = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=own)
    assert rule()["SSEAlgorithm"] == "aws:kms"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert rule() == {"SSEAlgorithm": "AES256"}
    s3.delete_public_access_block(Bucket=bucket)
    code, _ = refused(s3.get_public_access_block, Bucket=bucket)
    assert code == "NoSuchPublicAccessBlockConfiguration"


def test_a_bucket_of_another_account_than_is_expected_is_refused(bucket):
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ExpectedBucketOwner=ACCOUNT)
    for ask, more in (
        (s3.list_objects_v2, {}),
        (s3.get_object, {"Key": "a"}),
        (s3.put_object, {"Key": "b", "Body": b"y"}),
        (s3.delete_objects, {"Delete": {"Objects": [{"Key": "a"}]}}),
        (s3.get_bucket_tagging, {}),
        (s3.delete_bucket, {}),
    ):
        assert refused(ask, Bucket=bucket, ExpectedBucketOwner=OTHER, **more)[0] == "AccessDenied", ask
    assert refused(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner=OTHER)[0] == "403"
    assert refused(s3.head_bucket, Bucket=f"{bucket}-none", ExpectedBucketOwner=OTHER)[0] == "404"
    assert refused(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="me")[0] == "InvalidBucketOwnerAWSAccountID"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a"]


def test_a_policy_may_be_for_buckets_of_one_account(bucket, actors):
    def may(account):
        only = {"StringEquals": {"s3:ResourceAccount": account}}
        return actors.session(allow("s3:*", Condition=only)).client("s3")

    may(ACCOUNT).list_objects_v2(Bucket=bucket)
    assert refused(may(ACCOUNT).get_object, Bucket=bucket, Key="none")[0] == "NoSuchKey"
    assert refused(may(OTHER).list_objects_v2, Bucket=bucket)[0] == "AccessDenied"


def test_encryption_and_the_public_block_have_actions_of_their_own(bucket, actors):
    looks = actors.session(allow(["s3:GetEncryptionConfiguration", "s3:GetBucketPublicAccessBlock"])).client("s3")
    looks.get_bucket_encryption(Bucket=bucket)
    looks.get_public_access_block(Bucket=bucket)
    code, words = refused(looks.delete_public_access_block, Bucket=bucket)
    assert code == "AccessDenied" and "s3:PutBucketPublicAccessBlock" in words
    lists = actors.session(allow("s3:ListBucket")).client("s3")
    assert "s3:GetEncryptionConfiguration" in refused(lists.get_bucket_encryption, Bucket=bucket)[1]


def statement(**more):
    return {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", **more}


@pytest.mark.parametrize(
    "given",
    [
        statement(),
        statement(Principal={"AWS": "*"}),
        statement(Principal={"AWS": [f"arn:aws:iam::{ACCOUNT}:root", "*"]}),
        statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        statement(Condition={"StringLike": {"aws:Referer": "http://www.example.com/*"}}),
        statement(Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
        statement(Condition={"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}),
    ],
)
def test_a_policy_for_everybody_is_refused(bucket, given):
    s3 = boto3.client("s3")
    resource = f"arn:aws:s3:::{bucket}/*"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**given, "Resource": resource}]})
    code, words = refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    assert code == "AccessDenied" and words.startswith("User: arn:aws:")
    assert words.endswith(
        f'is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::{bucket}" because public '
        "policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
    )
    assert refused(s3.get_bucket_policy, Bucket=bucket)[0] == "NoSuchBucketPolicy"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": False})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


@pytest.mark.parametrize(
    "given",
    [
        statement(Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
        statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        statement(Principal={"Service": "cloudfront.amazonaws.com"}),
        statement(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        statement(Condition={"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}),
        statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}),
    ],
)
def test_a_policy_for_some_is_taken(bucket, given):
    policy = {"Version": "2012-10-17", "Statement": [{**given, "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    boto3.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def test_a_new_bucket_has_no_acls(bucket):
    s3 = boto3.client("s3")
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    for acl in ("public-read", "private"):
        code, words = refused(s3.put_object, Bucket=bucket, Key="a", Body=b"", ACL=acl)
        assert (code, words) == ("AccessControlListNotSupported", "The bucket does not allow ACLs")
    s3.put_object(Bucket=bucket, Key="a", Body=b"", ACL="bucket-owner-full-control")
    code, words = refused(s3.put_object_acl, Bucket=bucket, Key="a", ACL="public-read")
    assert code == "AccessDenied"
    assert words.endswith("because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.")
    s3.delete_public_access_block(Bucket=bucket)
    for ask, more in ((s3.put_object_acl, {"Key": "a"}), (s3.put_bucket_acl, {})):
        assert refused(ask, Bucket=bucket, ACL="public-read", **more)[0] == "AccessControlListNotSupported"
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    s3.put_object_acl(Bucket=bucket, Key="a", ACL="public-read")
    grants = s3.get_object_acl(Bucket=bucket, Key="a")["Grants"]
    assert "http://acs.amazonaws.com/groups/global/AllUsers" in [each["Grantee"].get("URI") for each in grants]


def test_the_public_block_refuses_every_way_of_granting(bucket):
    s3 = boto3.client("s3")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    everybody = "http://acs.amazonaws.com/groups/global/AllUsers"
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]
    grant = {"Grantee": {"Type": "Group", "URI": everybody}, "Permission": "READ"}
    for ask, more in (
        (s3.put_object, {"Key": "a", "ACL": "public-read"}),
        (s3.put_object, {"Key": "a", "GrantRead": f'uri="{everybody}"'}),
        (s3.create_multipart_upload, {"Key": "a", "ACL": "public-read-write"}),
        (s3.put_bucket_acl, {"ACL": "authenticated-read"}),
        (s3.put_bucket_acl, {"AccessControlPolicy": {"Grants": [grant], "Owner": owner}}),
    ):
        assert refused(ask, Bucket=bucket, **more)[0] == "AccessDenied", more
    s3.put_object(Bucket=bucket, Key="a", Body=b"", ACL="private")


def test_a_bucket_is_made_with_an_acl_only_where_it_has_acls(bucket):
    s3, name = boto3.client("s3"), f"{bucket}-b"
    code, _ = refused(s3.create_bucket, Bucket=name, ACL="public-read")
    assert code == "InvalidBucketAclWithObjectOwnership"
    code, _ = refused(s3.create_bucket, Bucket=name, ACL="public-read", ObjectOwnership="ObjectWriter")
    assert code == "InvalidBucketAclWithBlockPublicAccessError"
    s3.create_bucket(Bucket=name, ACL="private")
    s3.delete_bucket(Bucket=name)
