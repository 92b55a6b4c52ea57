"""Train a network on small handwritten digits, deploy it, ask it: ``harness run examples/pytorch_digits/run.py``.

The emulator needs torch: ``pip install 'aws-ml-harness[sagemaker,sagemaker-frameworks,train]'``.
"""

from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.pytorch import PyTorch
from sklearn.datasets import load_digits

HERE = Path(__file__).parent

session, role = sagemaker.Session(), sagemaker.get_execution_role()
digits = load_digits()
images, labels = (digits.images[:, None] / 16).astype(np.float32), digits.target
Path("digits").mkdir(exist_ok=True)
np.savez("digits/train.npz", images=images[:1500], labels=labels[:1500])
np.savez("digits/test.npz", images=images[1500:], labels=labels[1500:])
inputs = session.upload_data("digits", key_prefix="digits")

estimator = PyTorch(
    entry_point="mnist.py",
    source_dir=str(HERE),
    role=role,
    framework_version="2.1.0",
    py_version="py310",
    instance_count=1,
    instance_type="ml.c5.xlarge",
    hyperparameters={"epochs": 8, "lr": 0.1},
    metric_definitions=[{"Name": "test:accuracy", "Regex": "Accuracy: ([0-9.]+)"}],
)
estimator.fit({"training": inputs})
metrics = session.describe_training_job(estimator.latest_training_job.name)["FinalMetricDataList"]
print("accuracy", round(metrics[0]["Value"], 2))

predictor = estimator.deploy(1, "ml.m5.xlarge")
answer = predictor.predict(images[1500:1520])
print("right", int((np.argmax(answer, axis=1) == labels[1500:1520]).sum()), "of 20")
predictor.delete_endpoint()
