"""AWS's built-in XGBoost, without a script: it trains, and leaves an artifact that XGBoost reads and that serves."""

import io
import json
import tarfile
import uuid

import boto3
import duckdb
import numpy as np
import pytest

from harness.testing.control import write_out
from tests.emulator.test_script_mode import in_order, log_of
from tests.waiting import settled, training_ended

xgboost = pytest.importorskip("xgboost")
pytestmark = pytest.mark.slow

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROWS = np.random.default_rng(1).random((200, 3)).round(4)
LABELS = (ROWS[:, 0] > ROWS[:, 1]).astype(int)


@pytest.fixture(scope="module")
def bucket(s3, bucket, tmp_path_factory):
    rows = list(zip(LABELS, ROWS, strict=True))
    csv = "\n".join(",".join(map(str, (label, *row))) for label, row in rows)
    libsvm = "\n".join(f"{label} " + " ".join(f"{at}:{value}" for at, value in enumerate(row)) for label, row in rows)
    (folder := tmp_path_factory.mktemp("rows")).joinpath("rows.csv").write_text(csv)
    s3.put_object(Bucket=bucket, Key="csv/rows.csv", Body=csv.encode())
    s3.put_object(Bucket=bucket, Key="libsvm/rows", Body=libsvm.encode())
    duckdb.sql(f"copy (select * from read_csv('{folder / 'rows.csv'}', header=false)) to '{folder / 'rows.parquet'}'")
    s3.upload_file(str(folder / "rows.parquet"), bucket, "parquet/rows.parquet")
    s3.put_object(Bucket=bucket, Key="header/rows.csv", Body=f"label,a,b,c\n{csv}".encode())
    features = "\n".join(",".join(map(str, row)) for row in ROWS[:10])
    s3.put_object(Bucket=bucket, Key="features/rows.csv", Body=features.encode())
    return bucket


def train(sagemaker, role, bucket, kind="csv", content_type="text/csv", **hyperparameters):
    name = f"xgboost-{uuid.uuid4().hex[:8]}"

    def channel(of):
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{kind}/"}
        return {"ChannelName": of, "DataSource": {"S3DataSource": source}, "ContentType": content_type}

    given = {"objective": "binary:logistic", "num_round": "20", "eval_metric": "auc,logloss", **hyperparameters}
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=role,
        HyperParameters={key: value for key, value in given.items() if value is not None},
        InputDataConfig=[channel("train"), channel("validation")],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.m7i.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    return training_ended(sagemaker, name)


@pytest.mark.parametrize(
    ("kind", "content_type"), [("csv", "text/csv"), ("libsvm", "text/libsvm"), ("parquet", "application/x-parquet")]
)
def test_it_trains(target, sagemaker, role, bucket, kind, content_type):
    job = train(sagemaker, role, bucket, kind, content_type)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    metrics = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
    assert metrics["validation:auc"] > 0.95
    assert set(metrics) == {f"{of}:{what}" for of in ("train", "validation") for what in ("auc", "logloss")}
    write_out(target)
    in_order(
        log_of("/aws/sagemaker/TrainingJobs", job["TrainingJobName"]),
        "INFO] Imported framework sagemaker_xgboost_container.training",
        "INFO] Failed to parse hyperparameter objective value binary:logistic to Json.",
        "INFO] Running XGBoost Sagemaker in algorithm mode",
        "INFO] files path: /opt/ml/input/data/train",
        "INFO] Single node training.",
        f"INFO] Train matrix has {len(ROWS)} rows and {len(ROWS[0])} columns",
        f"INFO] Validation matrix has {len(ROWS)} rows",
        "[0]#011train-auc:",
    )


def test_its_model_is_read_by_xgboost_and_transforms(sagemaker, role, bucket):
    job = train(sagemaker, role, bucket)
    uri, s3 = job["ModelArtifacts"]["S3ModelArtifacts"], boto3.client("s3")
    body = s3.get_object(Bucket=bucket, Key=uri.removeprefix(f"s3://{bucket}/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        booster = xgboost.Booster()
        raw = archive.extractfile("xgboost-model").read()
        booster.load_model(bytearray(raw))
    # AWS's container begins at 0.5, and its XGBoost takes no vector there, as 3.1 and later write it.
    assert float(json.loads(raw)["learner"]["learner_model_param"]["base_score"]) == 0.5
    expected = booster.predict(xgboost.DMatrix(ROWS[:10]), validate_features=False)

    name = job["TrainingJobName"]
    container = {"Image": IMAGE, "ModelDataUrl": uri}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/features/"}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"ContentType": "text/csv", "SplitType": "Line", "DataSource": {"S3DataSource": source}},
        TransformOutput={"S3OutputPath": f"s3://{bucket}/predicted", "AssembleWith": "Line", "Accept": "text/csv"},
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        DataProcessing={"JoinSource": "Input"},
    )
    done = settled(sagemaker.describe_transform_job, "TransformJobStatus", TransformJobName=name)
    assert done["TransformJobStatus"] == "Completed", done.get("FailureReason")
    lines = s3.get_object(Bucket=bucket, Key="predicted/rows.csv.out")["Body"].read().decode().splitlines()
    told = [[float(value) for value in line.split(",")] for line in lines]
    assert told == [pytest.approx([*row, value], rel=1e-5) for row, value in zip(ROWS, expected, strict=False)]


def test_it_refuses_in_words(sagemaker, role, bucket):
    for change, words in (
        ({"num_round": None}, "Missing required hyperparameter: num_round"),
        ({"objective": "reg:nonsense"}, "reg:nonsense"),
        ({"kind": "header"}, "labels in the channel train are not all numbers"),
        ({"content_type": "image/png"}, "image/png is not an accepted ContentType"),
    ):
        job = train(sagemaker, role, bucket, **change)
        assert job["TrainingJobStatus"] == "Failed"
        assert words in job["FailureReason"], job["FailureReason"]
        assert job["FailureReason"].startswith("ClientError: ")
