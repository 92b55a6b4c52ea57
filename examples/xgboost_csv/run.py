"""Train AWS's built-in XGBoost on CSV, and transform a batch: ``harness run examples/xgboost_csv/run.py``."""

import numpy as np
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sklearn.datasets import load_breast_cancer

session, role = sagemaker.Session(), sagemaker.get_execution_role()
data = load_breast_cancer()
order = np.random.default_rng(1).permutation(len(data.target))
rows = np.insert(data.data, 0, data.target, axis=1)[order]
parts = {"train": rows[:400], "validation": rows[400:480]}
for name, part in parts.items():
    np.savetxt(f"{name}.csv", part, delimiter=",", fmt="%1.5f")
np.savetxt("batch.csv", rows[480:, 1:], delimiter=",", fmt="%1.5f")
uploaded = {name: session.upload_data(f"{name}.csv", key_prefix=f"xgboost/{name}") for name in (*parts, "batch")}

estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
    role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    output_path=f"s3://{session.default_bucket()}/xgboost/output",
    sagemaker_session=session,
)
estimator.set_hyperparameters(objective="binary:logistic", num_round=30, max_depth=4, eta=0.3, eval_metric="auc")
estimator.fit({name: TrainingInput(uploaded[name], content_type="text/csv") for name in parts})

transformer = estimator.transformer(1, "ml.m5.xlarge", "MultiRecord", assemble_with="Line", accept="text/csv")
transformer.transform(uploaded["batch"], content_type="text/csv", split_type="Line", join_source="Input")
bucket, _, key = transformer.output_path.removeprefix("s3://").partition("/")
lines = session.read_s3_file(bucket, f"{key}/batch.csv.out").split()
predicted = np.array([float(line.rpartition(",")[2]) for line in lines])
print("rows", len(lines), "of", len(rows[480:]), "columns", lines[0].count(",") + 1)
print("accuracy", round(float(((predicted > 0.5) == rows[480:, 0]).mean()), 2))
