"""The project's image: its size, and that it is a SageMaker container, under the SDK's local mode too."""

import json
from pathlib import Path

import pytest

from tests.compose.stack import ROOT, Stack, available, docker

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]  # images are built, too

IMAGE = "aws-ml-harness:0.2.0"
MOST_BYTES = 400_000_000


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("image"), "harness-image", available()[0])
    stack.compose("build", "lambda", folder=ROOT)
    return IMAGE


def test_it_is_small(image):
    assert int(docker("image", "inspect", "--format", "{{.Size}}", image)) < MOST_BYTES


def test_it_has_no_more_than_it_is_built_from(image):
    there = docker("run", "--rm", image, "sh", "-c", "ls / /workspace; id -u")
    assert "source" not in there.split()
    assert "wheels" not in there.split()


def test_sagemaker_local_mode_trains_and_serves_with_it(image, target, drawings, tmp_path, monkeypatch):
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.local import LocalSession
    from sagemaker.serializers import IdentitySerializer

    monkeypatch.chdir(tmp_path)
    session = LocalSession()
    session.config = {"local": {"local_code": True}}
    estimator = Estimator(
        image_uri=image,
        role="arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole",
        instance_count=1,
        instance_type="local",
        sagemaker_session=session,
        output_path=f"file://{tmp_path}",
        hyperparameters={
            "image_shape": "3,32,32",
            "num_classes": 2,
            "num_training_samples": len((drawings / "train.lst").read_text().splitlines()),
        },
    )
    channels = {}
    for channel, folder in (("train", "train"), ("validation", "test")):
        channels[channel] = f"file://{drawings / folder}"
        manifest = tmp_path / f"{channel}_lst"
        manifest.mkdir()
        (manifest / f"{folder}.lst").write_text((drawings / f"{folder}.lst").read_text())
        channels[f"{channel}_lst"] = f"file://{manifest}"
    estimator.fit({name: TrainingInput(uri, content_type="application/x-image") for name, uri in channels.items()})
    assert Path(estimator.model_data.removeprefix("file://")).is_file()
    predictor = estimator.deploy(
        1, "local", serializer=IdentitySerializer("image/png"), deserializer=JSONDeserializer()
    )
    try:
        picture = next((drawings / "test").iterdir())
        probabilities = predictor.predict(picture.read_bytes())
        assert len(probabilities) == 2 and sum(probabilities) == pytest.approx(1, abs=1e-3), json.dumps(probabilities)
    finally:
        predictor.delete_endpoint()
