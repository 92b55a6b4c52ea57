"""A bucket on the session's target."""

import uuid

import boto3
import pytest


@pytest.fixture(scope="session")
def s3(target):
    return boto3.client("s3")


@pytest.fixture
def bucket(s3):
    name = f"captures-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=item["Key"])
    s3.delete_bucket(Bucket=name)
