"""Train, deploy, predict, look at what was captured: a SageMaker notebook's code, nothing of it made for an emulator.

    harness run examples/train_deploy_predict.py DATA       on this machine
    python examples/train_deploy_predict.py DATA            on AWS, from a SageMaker notebook

DATA is a folder with train/, test/, train.lst and test.lst, as `harness dataset transform` writes it.
"""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker import get_execution_role, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import IdentitySerializer

data = Path(sys.argv[1])
session = sagemaker.Session()
bucket = session.default_bucket()
role = get_execution_role()
prefix = f"s3://{bucket}/image-classification"

# Images and manifests go to S3.
for name in ("train", "test"):
    S3Uploader.upload(str(data / name), f"{prefix}/{name}")
    S3Uploader.upload(str(data / f"{name}.lst"), f"{prefix}/{name}_lst")

# The built-in algorithm trains on one GPU instance.
image = image_uris.retrieve("image-classification", session.boto_region_name, "latest")
estimator = Estimator(
    image,
    role,
    instance_count=1,
    instance_type="ml.p3.2xlarge",
    output_path=f"{prefix}/models",
    sagemaker_session=session,
)
estimator.set_hyperparameters(
    image_shape="3,32,32",
    num_classes=2,
    num_training_samples=len((data / "train.lst").read_text().splitlines()),
)
estimator.fit(
    {
        "train": TrainingInput(f"{prefix}/train/", content_type="application/x-image"),
        "validation": TrainingInput(f"{prefix}/test/", content_type="application/x-image"),
        "train_lst": TrainingInput(f"{prefix}/train_lst/", content_type="application/x-image"),
        "validation_lst": TrainingInput(f"{prefix}/test_lst/", content_type="application/x-image"),
    }
)

# The model is served, and what it is asked and answers is captured.
capture = f"{prefix}/data_capture"
deployed = estimator.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.xlarge",
    data_capture_config=DataCaptureConfig(enable_capture=True, sampling_percentage=100, destination_s3_uri=capture),
)
endpoint = deployed.endpoint_name
predictor = Predictor(endpoint, sagemaker_session=session, serializer=IdentitySerializer("image/png"))

pictures = sorted((data / "test").iterdir())[:5]
for picture in pictures:
    probabilities = json.loads(predictor.predict(picture.read_bytes()))
    print(f"{picture.name}: bicycle {probabilities[0]:.3f}, motorcycle {probabilities[1]:.3f}")

predictor.delete_model()
predictor.delete_endpoint()

# On AWS captures appear within minutes; deleting the endpoint has them written here.
files = S3Downloader.list(f"{capture}/{endpoint}")
S3Downloader.download(f"{capture}/{endpoint}", "captured", sagemaker_session=session)
records = [line for path in Path("captured").rglob("*.jsonl") for line in path.read_text().splitlines()]
print(f"{len(records)} captured invocations in {len(files)} files")
