"""Batch transform: what goes in comes out as ``.out`` objects, and agrees with what an endpoint answers."""

import json
import uuid
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.emulator.sagemaker.transform.batches import Batching, Processing, TransformError
from tests.emulator.acting import refused
from tests.emulator.pictures import IMAGE, channel, picture, request, run
from tests.waiting import in_service, settled

REAL = Path(__file__).parents[3] / "shared" / "data" / "cifar-vehicles"


@pytest.fixture(scope="module")
def bucket(s3, bucket):
    for number in range(6):
        s3.put_object(Bucket=bucket, Key=f"in/{number % 2}/{number}.png", Body=picture(number % 2, number))
    s3.put_object(Bucket=bucket, Key="text/a.txt", Body=b"no picture")
    manifest = [{"prefix": f"s3://{bucket}/in/"}, "0/0.png", "1/1.png"]
    s3.put_object(Bucket=bucket, Key="some.manifest", Body=json.dumps(manifest))
    return bucket


@pytest.fixture(scope="module")
def model(sagemaker, role):
    name = f"transform-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "stub:1"})
    return name


def transform(sagemaker, model, bucket, source="in/", kind="S3Prefix", output=None, **more):
    name = f"transform-{uuid.uuid4().hex[:8]}"
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={
            "ContentType": "application/x-image",
            "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": f"s3://{bucket}/{source}"}},
        },
        TransformOutput={"S3OutputPath": f"s3://{bucket}/out/{name}", **(output or {})},
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.xlarge"},
        **more,
    )
    return settled(sagemaker.describe_transform_job, "TransformJobStatus", TransformJobName=name)


def results(bucket, job):
    s3, prefix = boto3.client("s3"), f"out/{job['TransformJobName']}/"
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    return {key.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_an_out_object_for_each_object(sagemaker, model, bucket):
    job = transform(sagemaker, model, bucket, MaxConcurrentTransforms=4, Tags=[{"Key": "team", "Value": "ml"}])
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    found = results(bucket, job)
    assert sorted(found) == [f"{number % 2}/{number}.png.out" for number in (0, 2, 4, 1, 3, 5)]
    assert all(len(json.loads(body)) == 2 for body in found.values())
    assert sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"] == [{"Key": "team", "Value": "ml"}]
    listed = sagemaker.list_transform_jobs(NameContains=job["TransformJobName"])["TransformJobSummaries"]
    assert [item["TransformJobStatus"] for item in listed] == ["Completed"]


def test_a_manifest_lines_and_capture(sagemaker, model, bucket):
    capture = {"DestinationS3Uri": f"s3://{bucket}/captured"}
    job = transform(
        sagemaker,
        model,
        bucket,
        "some.manifest",
        "ManifestFile",
        output={"AssembleWith": "Line"},
        DataCaptureConfig=capture,
    )
    found = results(bucket, job)
    assert sorted(found) == ["0/0.png.out", "1/1.png.out"]
    assert all(body.endswith(b"]\n") for body in found.values())
    s3 = boto3.client("s3")
    sides = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="captured/")["Contents"]]
    assert [key.split("/")[1] for key in sides] == ["input", "output"]
    told = json.loads(s3.get_object(Bucket=bucket, Key=sides[1])["Body"].read())
    assert told[1:] == ["0/0.png.out", "1/1.png.out"]


def test_a_job_fails_with_a_record(sagemaker, model, bucket):
    job = transform(sagemaker, model, bucket, "text/")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert results(bucket, job) == {}
    logs = boto3.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=f"{job['TransformJobName']}/"
    )
    assert any(f"{bucket}/text/a.txt: ClientError: 400" in event["message"] for event in logs["events"])


def test_what_cannot_be_is_refused(sagemaker, model, bucket):
    def attempt(**more):
        return refused(transform, sagemaker=sagemaker, bucket=bucket, **{"model": model, **more})

    assert 'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/none".' in attempt(model="none")[1]
    assert "requires a SplitType" in attempt(BatchStrategy="MultiRecord")[1]
    assert "must not exceed 100 MB" in attempt(MaxPayloadInMB=60, MaxConcurrentTransforms=2)[1]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # cores are shared
@given(
    st.lists(st.text("ab1,é", min_size=1, max_size=20).map(str.encode)),
    st.booleans(),
    st.integers(40, 200),
)
def test_batches_hold_all_records_in_order(tmp_path_factory, records, many, most):
    path = tmp_path_factory.mktemp("batches") / "lines"
    path.write_bytes(b"\n".join(records))
    batches = list(Batching(True, many, most).batches(path))
    assert [record for batch in batches for record in batch] == records
    assert all(len(b"\n".join(batch)) <= most for batch in batches)
    assert many or all(len(batch) == 1 for batch in batches)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real data set is not beside the project")
def test_real_images_agree_with_the_endpoint(sagemaker, bucket, role):
    s3, images = boto3.client("s3"), sorted((REAL / "test").glob("*.png"))
    for part in ("train", "test"):
        s3.upload_file(str(REAL / f"{part}.lst"), bucket, f"real/{part}_lst/{part}.lst")
        for image in sorted((REAL / part).glob("*.png")):
            s3.upload_file(str(image), bucket, f"real/{part}/{image.name}")
    hyperparameters = {"image_shape": "3,32,32", "num_classes": "2", "num_training_samples": "1000", "epochs": "1"}
    inputs = [
        channel("train", f"s3://{bucket}/real/train/"),
        channel("validation", f"s3://{bucket}/real/test/"),
        channel("train_lst", f"s3://{bucket}/real/train_lst/"),
        channel("validation_lst", f"s3://{bucket}/real/test_lst/"),
    ]
    job = run(sagemaker, **request(bucket, HyperParameters=hyperparameters, InputDataConfig=inputs))
    name = job["TrainingJobName"]
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    done = transform(sagemaker, name, bucket, "real/test/", MaxConcurrentTransforms=4)
    found = results(bucket, done)
    assert sorted(found) == [f"{image.name}.out" for image in images]
    variant = {"VariantName": "a", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    runtime = boto3.client("sagemaker-runtime")
    for image in images:
        answer = runtime.invoke_endpoint(EndpointName=name, ContentType="application/x-image", Body=image.read_bytes())
        told, expected = json.loads(found[f"{image.name}.out"]), json.loads(answer["Body"].read())
        assert (told.get("prediction") if isinstance(told, dict) else told) == pytest.approx(expected, abs=1e-6)
    sagemaker.delete_endpoint(EndpointName=name)


def test_filters_and_joins():
    csv = Processing.read({"InputFilter": "$[1:]", "OutputFilter": "$[0,-1]", "JoinSource": "Input"}, "text/csv")
    assert csv.request(b"7,1.5,x y") == b"1.5,x y"
    assert csv.result(b"7,1.5,x y", b"0.9\n") == b"7,0.9"
    given = {"InputFilter": "$.features", "OutputFilter": "$['id','SageMakerOutput']", "JoinSource": "Input"}
    structured = Processing.read(given, "application/json")
    assert structured.request(b'{"id":1,"features":[1,2]}') == b"[1,2]"
    joined = Processing.read({"JoinSource": "Input"}, "application/jsonlines")
    assert joined.result(b'{"id":1}', b'{"p":0.5}') == b'{"id":1,"SageMakerOutput":{"p":0.5}}'
    assert joined.result(b"[1]", b"0.5") == b'{"SageMakerInput":[1],"SageMakerOutput":0.5}'
    assert Processing.read({}, "image/png") is None
    with pytest.raises(TransformError, match="CSV and JSON"):
        Processing.read({"JoinSource": "Input"}, "image/png")
