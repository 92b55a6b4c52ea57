"""Buckets on AWS: the account's own alone, encrypted, and closed to the public."""

from dataclasses import replace

import boto3
import pytest

from harness.project.bucket import BucketError, delete_bucket
from harness.project.configuration import read_configuration
from harness.project.plan import deploy_project, destroy_project, plan_project
from harness.project.scaffold import scaffold
from harness.scones.aws.cleanup import find_deployment
from harness.scones.aws.deployment import deploy_cloud, plan_actions
from harness.scones.aws.plan import plan_cloud
from harness.scones.aws.run import deployed_on_aws
from harness.scones.names import bucket_name
from tests.aws.conftest import ACCOUNT, everything
from tests.aws.test_cloud import MODEL

pytestmark = pytest.mark.slow


def test_each_request_to_s3_says_whose_bucket_it_expects(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    seen = []

    def note(params, model, **_):
        seen.append((model.name, params["headers"].get("x-amz-expected-bucket-owner")))

    events = session.client("s3").meta.events
    events.register("before-call.s3", note)
    try:
        with deployed_on_aws(target, session, settings, root, dataset):
            pass
    finally:
        events.unregister("before-call.s3", note)
    assert {"PutObject", "ListObjectsV2", "HeadBucket", "DeleteBucket"} <= {name for name, _ in seen}
    assert {name for name, owner in seen if owner != ACCOUNT} == {"CreateBucket"}  # which takes none


def test_a_bucket_of_another_account_is_refused(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    name = bucket_name(settings, ACCOUNT, target.region)
    # As S3 answers for a bucket of another account than is expected.
    stand_in.control("POST", "faults", {"bucket": name, "error": "AccessDenied"})
    try:
        with pytest.raises(BucketError, match=f"bucket {name} is there, and S3 refuses it .* of another account"):
            plan_cloud(target, session, settings, root, dataset, settings.model)
        assert find_deployment(target, session, settings) == []
    finally:
        stand_in.control("DELETE", "faults")
    assert everything(session) == set()


def test_a_bucket_that_may_be_opened_to_the_public_is_refused(place, stand_in, root, dataset):
    target, session = place
    settings = replace(stand_in.settings, model=str(root / MODEL))
    plan = plan_cloud(target, session, settings, root, dataset, settings.model)
    deploy_cloud(plan, session)
    session.client("s3").delete_public_access_block(Bucket=plan.bucket)
    with pytest.raises(BucketError, match="BlockPublicPolicy, RestrictPublicBuckets of its public access block is off"):
        plan_actions(plan, session)


def test_the_bucket_of_any_projects_files_is_held_to_the_same(place, stand_in, tmp_path):
    _, session = place
    list(scaffold(tmp_path))
    configuration = read_configuration(tmp_path)
    plan = plan_project(configuration, session)
    deploy_project(plan, session, is_local=False)
    s3, bucket = boto3.client("s3"), plan.stacks[0].bucket
    s3.delete_public_access_block(Bucket=bucket)
    with pytest.raises(BucketError, match=f"bucket {bucket} may be opened to the public"):
        deploy_project(plan, session, is_local=False)
    stand_in.control("POST", "faults", {"bucket": bucket, "error": "AccessDenied"})
    try:
        with pytest.raises(BucketError, match=f"bucket {bucket} is there, and S3 refuses it"):
            deploy_project(plan, session, is_local=False)
    finally:
        stand_in.control("DELETE", "faults")
    destroy_project([configuration.stack], session)
    delete_bucket(s3, bucket)
