"""Model Monitor: a baseline, and schedules that hold captures against it."""

import json
import random
import uuid

import boto3
import pytest
import requests

from harness.algorithms.model_monitor.constraints import numeric_distance, suggested, violations
from harness.algorithms.model_monitor.statistics import sketch_of, statistics_of
from harness.testing.clock import virtual_time
from harness.testing.control import ControlApi
from tests.emulator.acting import refused
from tests.emulator.pictures import picture
from tests.waiting import in_service, settled, until

IMAGE = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}}


@pytest.fixture
def clock(target):
    """Virtual time, which stands a minute behind a full hour: no test comes upon the next one by itself."""
    with virtual_time(ControlApi(target.control_url, target.control_token)) as clock:
        now = clock.now()
        clock.advance(3660 - (now.minute * 60 + now.second))
        yield clock


def document(uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.loads(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def analyze(sagemaker, role, bucket, text, form, **variables):
    """Run the analyzer as DefaultModelMonitor.suggest_baseline does; how it ended."""
    s3, name = boto3.client("s3"), f"baseline-{uuid.uuid4().hex[:8]}"
    s3.put_object(Bucket=bucket, Key=f"{name}/in/data", Body=text)
    source, output = "/opt/ml/processing/input/baseline_dataset_input", "/opt/ml/processing/output"
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        ProcessingInputs=[
            {
                "InputName": "baseline_dataset_input",
                "S3Input": {
                    "S3Uri": f"s3://{bucket}/{name}/in/data",
                    "LocalPath": source,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "monitoring_output",
                    "S3Output": {
                        "S3Uri": f"s3://{bucket}/{name}/out",
                        "LocalPath": output,
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        ProcessingResources=CLUSTER,
        AppSpecification={"ImageUri": IMAGE},
        Environment={
            "dataset_format": json.dumps(form),
            "dataset_source": source,
            "output_path": output,
            "publish_cloudwatch_metrics": "Disabled",
            **variables,
        },
        RoleArn=role,
    )
    job = settled(sagemaker.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=name)
    return job, f"s3://{bucket}/{name}/out"


def test_a_baseline_of_csv(sagemaker, role, bucket):
    text = "age,town\n" + "".join(f"{20 + number},{'Bern' if number % 2 else 'Basel'}\n" for number in range(10))
    job, output = analyze(sagemaker, role, bucket, text + ",Bern\n", {"csv": {"header": True}})
    assert job["ProcessingJobStatus"] == "Completed", job
    assert job["ExitMessage"] == "Completed: Job completed successfully with no violations."
    statistics, constraints = document(f"{output}/statistics.json"), document(f"{output}/constraints.json")
    age, town = statistics["features"]
    assert statistics["dataset"] == {"item_count": 11}
    assert age["numerical_statistics"]["common"] == {"num_present": 10, "num_missing": 1}
    assert (age["inferred_type"], age["numerical_statistics"]["mean"]) == ("Integral", 24.5)
    assert sum(each["count"] for each in age["numerical_statistics"]["distribution"]["kll"]["buckets"]) == 10
    assert town["string_statistics"]["distinct_count"] == 2
    assert constraints["features"][0]["num_constraints"] == {"is_non_negative": True}
    assert constraints["features"][0]["completeness"] == pytest.approx(10 / 11)
    assert constraints["features"][1]["string_constraints"] == {"domains": ["Basel", "Bern"]}


def test_what_it_does_not_do_it_names(sagemaker, role, bucket):
    for name, value in (("record_preprocessor_script", "x.py"), ("categorical_drift_method", "ChiSquared")):
        job, _ = analyze(sagemaker, role, bucket, "a\n1\n", {"csv": {"header": True}}, **{name: value})
        assert job["ProcessingJobStatus"] == "Failed"
        assert f"not emulated: {name}" in job["FailureReason"]
    job, _ = analyze(sagemaker, role, bucket, '{"a": {"b": [1, 2]}}\n', {"json": {"lines": True}})
    assert job["ProcessingJobStatus"] == "Completed"


def test_a_schedule_finds_drift_in_captures(sagemaker, role, bucket, clock, target):
    name = f"monitor-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "stub:1"})
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {"VariantName": "a", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{bucket}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    in_service(sagemaker, name)
    script = f"{target.control_url}/_harness/endpoints/{name}/script"
    requests.put(script, json={"answers": [[0.9, 0.1]] * 50}, timeout=5).raise_for_status()
    runtime = boto3.client("sagemaker-runtime")
    for _ in range(50):
        runtime.invoke_endpoint(EndpointName=name, ContentType="application/x-image", Body=picture(0, 1))
    chance = random.Random(1)
    rows = [(p := chance.random(), 1 - p) for _ in range(200)]
    _, baseline = analyze(sagemaker, role, bucket, "".join(f"{a},{b}\n" for a, b in rows), {"csv": {"header": False}})
    definition = {
        "BaselineConfig": {
            "ConstraintsResource": {"S3Uri": f"{baseline}/constraints.json"},
            "StatisticsResource": {"S3Uri": f"{baseline}/statistics.json"},
        },
        "MonitoringInputs": [
            {"EndpointInput": {"EndpointName": name, "LocalPath": "/opt/ml/processing/input/endpoint"}}
        ],
        "MonitoringOutputConfig": {
            "MonitoringOutputs": [
                {"S3Output": {"S3Uri": f"s3://{bucket}/reports", "LocalPath": "/opt/ml/processing/output"}}
            ]
        },
        "MonitoringResources": CLUSTER,
        "MonitoringAppSpecification": {"ImageUri": IMAGE},
        "RoleArn": role,
    }
    config = {
        "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        "MonitoringJobDefinition": definition,
        "MonitoringType": "DataQuality",
    }
    sagemaker.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config)
    assert sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)["EndpointName"] == name
    clock.advance(3600)
    execution = await_execution(sagemaker, name)
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    job = sagemaker.describe_processing_job(ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2])
    assert job["ExitMessage"] == "CompletedWithViolations: Job completed successfully with 2 violations."
    place = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    found = document(f"{place}/constraint_violations.json")["violations"]
    assert [(each["feature_name"], each["constraint_check_type"]) for each in found] == [
        ("_c0", "baseline_drift_check"),
        ("_c1", "baseline_drift_check"),
    ]
    assert document(f"{place}/statistics.json")["dataset"]["item_count"] == 50

    clock.advance(7200)  # nothing was captured in the hours to come
    empty = await_execution(sagemaker, name, first=execution["ScheduledTime"])
    assert (empty["MonitoringExecutionStatus"], empty["FailureReason"]) == ("Failed", "Job inputs had no data")
    sagemaker.stop_monitoring_schedule(MonitoringScheduleName=name)
    listed = sagemaker.list_monitoring_schedules(EndpointName=name)["MonitoringScheduleSummaries"]
    assert [each["MonitoringScheduleStatus"] for each in listed] == ["Stopped"]
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName=name)
    assert refused(sagemaker.describe_monitoring_schedule, MonitoringScheduleName=name)[0] == "ResourceNotFound"
    config["MonitoringType"] = "ModelBias"
    code, words = refused(
        sagemaker.create_monitoring_schedule, MonitoringScheduleName=name, MonitoringScheduleConfig=config
    )
    assert (code, words) == ("ValidationException", "not emulated: monitoring schedules of type ModelBias")
    sagemaker.delete_endpoint(EndpointName=name)


def await_execution(sagemaker, name, first=None):
    """The latest execution once it has ended, scheduled behind *first*."""

    def latest():
        listed = sagemaker.list_monitoring_executions(MonitoringScheduleName=name)["MonitoringExecutionSummaries"]
        ended = [each for each in listed if each["MonitoringExecutionStatus"] not in ("Pending", "InProgress")]
        return ended and (first is None or ended[0]["ScheduledTime"] > first) and ended[0]

    return until(latest, 60)


def test_each_check_has_its_violation():
    before = [{"n": str(number), "t": "a" if number % 2 else "b", "gone": "1"} for number in range(100)]
    statistics = statistics_of(before)
    now = [{"n": "x", "t": "c" if number else None, "more": "1"} for number in range(100)]
    found = violations(now, statistics_of(now), suggested(statistics), statistics)
    assert {each["constraint_check_type"] for each in found} == {
        *("missing_column_check", "extra_column_check", "completeness_check", "data_type_check"),
        *("categorical_values_check", "baseline_drift_check"),
    }
    assert violations(before, statistics, suggested(statistics), statistics) == []


def test_a_sketch_stands_for_all_values():
    values = [random.Random(7).gauss(0, 1) for _ in range(1)] + [number / 10 for number in range(20_000)]
    sketch = sketch_of(values)
    assert sum(len(level) * 2**number for number, level in enumerate(sketch)) == len(values)
    assert max(map(len, sketch)) <= 2048
    assert numeric_distance(sketch, [values[:2000]], robust=False) == pytest.approx(0.9, abs=0.01)
