"""The deployed workflow, its images and what the endpoint thinks of them, on whatever target the session has."""

import json
import random
from dataclasses import dataclass, replace

import boto3
import pytest

from harness.settings import get_settings
from harness.workflow.bucket import ensure_bucket
from harness.workflow.dataset.archive import read_archive
from harness.workflow.dataset.synthesize import synthesize
from harness.workflow.dataset.transform import from_folder, transform
from harness.workflow.scones import Scones, deployed

SEED = 20260101
SAMPLE = 40


@dataclass(frozen=True)
class Images:
    """Test images that are in the bucket, with what the endpoint answers for each."""

    keys: list
    data: dict
    """Bytes by key."""
    confidence: dict
    """Largest probability by key."""

    def above(self, threshold):
        return next(key for key in self.keys if self.confidence[key] > threshold)

    def below(self, threshold):
        return next(key for key in self.keys if not self.confidence[key] > threshold)


@pytest.fixture(scope="session")
def settings():
    return get_settings()


@pytest.fixture(scope="session")
def scones(target, root, settings) -> Scones:
    with deployed(boto3.Session(), replace(settings, endpoint="scones-suite"), root) as scones:
        ensure_bucket(scones.session.client("s3"), scones.bucket)
        yield scones


@pytest.fixture(scope="session", params=["synthetic", "real"])
def images(request, scones, tmp_path_factory):
    if request.param == "real":
        dataset = from_folder(request.getfixturevalue("real_data") / "cifar-vehicles")
    else:
        folder = tmp_path_factory.mktemp("images")
        archive = synthesize(folder / "archive.tar.gz", seed=SEED, train_per_class=1, test_per_class=SAMPLE)
        dataset = transform(read_archive(archive), folder)
    names = random.Random(SEED).sample(list(dataset.test["filename"]), SAMPLE)
    s3, runtime = scones.session.client("s3"), scones.session.client("sagemaker-runtime")
    data, confidence = {}, {}
    for name in names:
        key = f"{request.param}/test/{name}"
        data[key] = (dataset.folder / "test" / name).read_bytes()
        s3.put_object(Bucket=scones.bucket, Key=key, Body=data[key])
        answer = runtime.invoke_endpoint(EndpointName=scones.endpoint, ContentType="image/png", Body=data[key])
        confidence[key] = max(json.loads(answer["Body"].read()))
    return Images(list(data), data, confidence)


@pytest.fixture(scope="session")
def states(scones):
    return scones.session.client("stepfunctions")
