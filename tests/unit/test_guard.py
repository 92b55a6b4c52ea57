"""The guard over what tests ask SageMaker for on AWS."""

import boto3
import pytest

from harness.cloud import guard, prices
from harness.cloud.consent import ConsentError
from harness.settings import Settings


@pytest.fixture
def sagemaker(monkeypatch):
    monkeypatch.setattr(guard, "instance_price", lambda session, use, instance, region: prices.Price(28.152, "a test"))
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    guard.MoneyGuard(session, Settings(max_cost=10.0, lifetime_hours=3.0), "us-east-1")
    return session.client("sagemaker", endpoint_url="http://127.0.0.1:9")


def variant(instance):
    return {"VariantName": "a", "ModelName": "m", "InstanceType": instance, "InitialInstanceCount": 1}


def test_an_instance_beyond_the_limit_is_not_asked_for(sagemaker):
    with pytest.raises(ConsentError, match=r"CreateEndpointConfig: it may come to 84\.46 USD"):
        sagemaker.create_endpoint_config(EndpointConfigName="e", ProductionVariants=[variant("ml.p3.16xlarge")])


def test_a_short_job_within_the_limit_is(sagemaker):
    job = {
        "TrainingJobName": "j",
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/r",
        "OutputDataConfig": {"S3OutputPath": "s3://b/"},
        "ResourceConfig": {"InstanceType": "ml.p3.16xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    with pytest.raises(Exception, match="Could not connect to the endpoint"):
        sagemaker.create_training_job(**job)
    with pytest.raises(ConsentError):
        sagemaker.create_training_job(**{**job, "StoppingCondition": {"MaxRuntimeInSeconds": 3600}})
