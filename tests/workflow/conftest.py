"""The deployed workflow, its images and what the endpoint thinks of them, on whatever target the session has."""

import contextlib
import io
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import pytest
from PIL import Image
from rich.console import Console

from harness.cloud.consent import ConsentError
from harness.cloud.prices import PriceError
from harness.cloud.quotas import QuotaError
from harness.parity.export import record_all
from harness.project.bucket import ensure_bucket
from harness.project.session import SharedClients
from harness.scones.aws.plan import CloudError
from harness.scones.aws.run import deployed_on_aws
from harness.scones.dataset.archive import read_archive
from harness.scones.dataset.synthesize import synthesize
from harness.scones.dataset.transform import from_folder, transform
from harness.scones.demo import DemoOptions, prepare_dataset
from harness.scones.workflow import Scones, deployed

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
def settings(harness_settings):
    return harness_settings


@pytest.fixture(scope="session")
def scones(request, target, root, settings) -> Scones:
    settings = replace(settings, endpoint="scones-suite")
    if target.name == "aws":
        yield from request.getfixturevalue("scones_on_aws")
        return
    with deployed(SharedClients(), settings, root) as scones:
        ensure_bucket(scones.session.client("s3"), scones.bucket)
        yield scones


@pytest.fixture(scope="session")
def scones_on_aws(target, root, settings, tell):
    """The same on an account: priced and agreed to before, its executions recorded, and gone afterwards."""
    console = Console(file=Told(tell), width=120, highlight=False)
    options = DemoOptions(root, Path(), Path(settings.data) if settings.data else None)
    dataset, _ = prepare_dataset(options, settings, console)
    deployment = deployed_on_aws(
        target,
        boto3.Session(),
        replace(settings, endpoint="scones-suite"),
        root,
        dataset,
        on_step=tell,
        on_state=tell,
        on_estimate=lambda estimate: estimate.show(console),
    )
    with contextlib.ExitStack() as stack:
        try:
            scones = stack.enter_context(deployment)
        except (ConsentError, QuotaError, CloudError, PriceError) as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)  # once, not once a test
        yield [scones]
        folder = Path(settings.recordings) if settings.recordings else settings.cache / "executions"
        written = record_all(scones.session.client("stepfunctions"), scones.state_machine_arn, folder)
        tell(f"recorded {len(written)} executions in {folder}, for `harness parity`")


class Told(io.TextIOBase):
    """A file for a console whose lines go through pytest's capture."""

    def __init__(self, tell):
        self._tell, self._begun = tell, ""

    def write(self, text):
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._tell(line)
        return len(text)


@pytest.fixture(scope="session", params=["synthetic", "real"])
def images(request, scones, settings, tmp_path_factory):
    if request.param == "real":
        dataset = from_folder(request.getfixturevalue("real_data") / "cifar-vehicles")
    else:
        folder = tmp_path_factory.mktemp("images")
        archive = synthesize(folder / "archive.tar.gz", seed=SEED, train_per_class=1, test_per_class=SAMPLE)
        dataset = transform(read_archive(archive), folder)
    names = random.Random(SEED).sample(list(dataset.test["filename"]), SAMPLE)
    s3, runtime = scones.session.client("s3"), scones.session.client("sagemaker-runtime")
    data, confidence = {}, {}

    def ask(picture):
        answer = runtime.invoke_endpoint(EndpointName=scones.endpoint, ContentType="image/png", Body=picture)
        return json.loads(answer["Body"].read())

    for name in names:
        key = f"{request.param}/test/{name}"
        data[key] = (dataset.folder / "test" / name).read_bytes()
        confidence[key] = max(ask(data[key]))
    _ensure_unsure(data, confidence, settings.threshold, ask)
    for key in data:
        s3.put_object(Bucket=scones.bucket, Key=key, Body=data[key])
    return Images(list(data), data, confidence)


def _ensure_unsure(data, confidence, threshold, ask):
    """Where the model is sure of every picture: mix the ones that it tells apart until it is not."""
    if min(confidence.values()) <= threshold:
        return
    sides = {}
    for key, picture in data.items():
        sides.setdefault(ask(picture).index(confidence[key]), Image.open(io.BytesIO(picture)).convert("RGB"))
    assert len(sides) == 2, "the model takes every picture for the same"
    low, high = 0.0, 1.0
    for _ in range(20):
        share = (low + high) / 2
        mixed = io.BytesIO()
        Image.blend(sides[0], sides[1], share).save(mixed, "PNG")
        answer = ask(mixed.getvalue())
        if max(answer) <= threshold:
            key = f"{next(iter(data)).rpartition('/')[0]}/mixed.png"
            data[key], confidence[key] = mixed.getvalue(), max(answer)
            return
        low, high = (share, high) if answer[0] > answer[1] else (low, share)
    raise AssertionError("the model is sure of every mixture")


@pytest.fixture(scope="session")
def states(scones):
    return scones.session.client("stepfunctions")
