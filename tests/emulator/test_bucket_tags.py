"""Buckets that are made with tags have them from their first moment on, as those of AWS do."""

import uuid

import boto3
import pytest

from tests.emulator.acting import allow, refused

TAGS = [{"Key": "harness:owner", "Value": "tests"}, {"Key": "empty", "Value": ""}]


@pytest.fixture
def name(target):
    """The name of a bucket that is removed afterwards, if there is one."""
    name = f"tagged-{uuid.uuid4().hex[:8]}"
    yield name
    s3 = boto3.client("s3")
    if name in names(s3):
        s3.delete_bucket(Bucket=name)


def names(s3):
    return {item["Name"] for item in s3.list_buckets()["Buckets"]}


@pytest.mark.parametrize("tags", [TAGS, TAGS[:1]])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_bucket_is_made_with_its_tags(name, region, tags):
    s3 = boto3.client("s3", region_name=region)
    where = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={**where, "Tags": tags})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    found = boto3.client("resourcegroupstaggingapi", region_name=region).get_resources(
        TagFilters=[{"Key": "harness:owner"}]
    )
    assert f"arn:aws:s3:::{name}" in {item["ResourceARN"] for item in found["ResourceTagMappingList"]}


@pytest.mark.parametrize("tags", [[TAGS[0], TAGS[0]], [{"Key": "aws:mine", "Value": "1"}]])
def test_tags_that_s3_does_not_take_make_no_bucket(name, tags):
    s3 = boto3.client("s3")
    code, _ = refused(s3.create_bucket, Bucket=name, CreateBucketConfiguration={"Tags": tags})
    assert code == "InvalidTag"
    assert name not in names(s3)


def test_to_make_one_with_tags_needs_permission_to_tag(actors, name):
    arn = f"arn:aws:s3:::{name}"
    may_not = actors.session(allow("s3:CreateBucket", arn)).client("s3")
    code, words = refused(may_not.create_bucket, Bucket=name, CreateBucketConfiguration={"Tags": TAGS})
    assert code == "AccessDenied"
    assert f's3:TagResource on resource: "{arn}" because no identity-based policy' in words
    assert name not in names(boto3.client("s3"))
    may = actors.session(allow(["s3:CreateBucket", "s3:TagResource"], arn)).client("s3")
    may.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": TAGS})
    assert boto3.client("s3").get_bucket_tagging(Bucket=name)["TagSet"] == TAGS


def test_what_is_deleted_takes_its_tags_along(name):
    s3, scheduler = boto3.client("s3"), boto3.client("scheduler")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": TAGS})
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    assert refused(s3.get_bucket_tagging, Bucket=name)[0] == "NoSuchTagSet"
    arn = scheduler.create_schedule_group(Name=name, Tags=TAGS[:1])["ScheduleGroupArn"]
    scheduler.delete_schedule_group(Name=name)
    scheduler.create_schedule_group(Name=name)
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == []
    scheduler.delete_schedule_group(Name=name)
