"""New buckets are as AWS makes them, and a request may name the account that must own its bucket."""

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
