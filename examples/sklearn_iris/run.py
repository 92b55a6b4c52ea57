"""Process, train, transform and predict with the SageMaker SDK: ``harness run examples/sklearn_iris/run.py``."""

from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sklearn.datasets import load_iris

HERE = Path(__file__).parent
VERSION = "1.2-1"

iris = load_iris()
session, role = sagemaker.Session(), sagemaker.get_execution_role()
np.savetxt("iris.csv", np.insert(iris.data, 0, iris.target, axis=1), delimiter=",", fmt="%1.3f")
np.savetxt("features.csv", iris.data, delimiter=",", fmt="%1.3f")
rows = session.upload_data("iris.csv", key_prefix="iris/rows")
features = session.upload_data("features.csv", key_prefix="iris/features")

processor = SKLearnProcessor(VERSION, role, 1, "ml.m5.xlarge", sagemaker_session=session)
processor.run(
    str(HERE / "prepare.py"),
    inputs=[ProcessingInput(rows, "/opt/ml/processing/input")],
    outputs=[ProcessingOutput("/opt/ml/processing/train", output_name="train")],
    arguments=["--ratio", "0.8"],
)
outputs = processor.jobs[-1].describe()["ProcessingOutputConfig"]["Outputs"]

estimator = SKLearn(
    entry_point=str(HERE / "train.py"),
    framework_version=VERSION,
    instance_type="ml.m5.xlarge",
    role=role,
    sagemaker_session=session,
    hyperparameters={"max_leaf_nodes": 30},
)
estimator.fit({"train": outputs[0]["S3Output"]["S3Uri"]})

transformer = estimator.transformer(1, "ml.m5.xlarge", "MultiRecord", assemble_with="Line", accept="text/csv")
transformer.transform(features, content_type="text/csv", split_type="Line")
bucket, _, key = transformer.output_path.removeprefix("s3://").partition("/")
transformed = np.array([float(line) for line in session.read_s3_file(bucket, f"{key}/features.csv.out").split()])
print("accuracy", round(float((transformed == iris.target).mean()), 2))

predictor = estimator.deploy(1, "ml.m5.xlarge")
print("predicted", predictor.predict(iris.data[::50]).tolist())
predictor.delete_endpoint()
