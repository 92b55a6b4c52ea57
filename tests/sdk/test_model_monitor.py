"""The SageMaker SDK's own way with Model Monitor, unmodified: a baseline, a schedule, what it found."""

import uuid

import boto3
import pytest
import requests

from tests.emulator.pictures import ROLE
from tests.waiting import until

pytest.importorskip("sagemaker")
pytestmark = pytest.mark.slow


def test_a_baseline_and_a_schedule(target, bucket, tmp_path):
    import sagemaker
    from sagemaker.model import Model
    from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, DefaultModelMonitor
    from sagemaker.model_monitor.dataset_format import DatasetFormat

    session = sagemaker.Session(boto3.Session(), default_bucket=bucket)
    baseline = tmp_path / "baseline.csv"
    baseline.write_text("".join(f"{number / 100},{1 - number / 100}\n" for number in range(100)))
    monitor = DefaultModelMonitor(role=ROLE, sagemaker_session=session)
    monitor.suggest_baseline(
        baseline_dataset=str(baseline),
        dataset_format=DatasetFormat.csv(header=False),
        output_s3_uri=f"s3://{bucket}/baseline",
        logs=False,
    )
    suggested = monitor.suggested_constraints().body_dict["features"]
    assert [(each["name"], each["inferred_type"]) for each in suggested] == [
        ("_c0", "Fractional"),
        ("_c1", "Fractional"),
    ]
    assert monitor.baseline_statistics().body_dict["dataset"]["item_count"] == 100

    capture = DataCaptureConfig(True, 100, f"s3://{bucket}/captured", sagemaker_session=session)
    name = f"monitored-{uuid.uuid4().hex[:8]}"
    Model("stub:1", role=ROLE, sagemaker_session=session).deploy(
        1, "ml.m5.large", endpoint_name=name, data_capture_config=capture
    )
    script = f"{target.control_url}/_harness/endpoints/{name}/script"
    requests.put(script, json={"answers": [[0.9, 0.1]] * 40}, timeout=5)
    for _ in range(40):
        boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, ContentType="image/png", Body=b"x")

    control = f"{target.control_url}/_harness/clock"
    requests.post(control, json={"virtual": True}, timeout=5)
    try:
        monitor.create_monitoring_schedule(
            endpoint_input=name,
            output_s3_uri=f"s3://{bucket}/reports",
            statistics=monitor.baseline_statistics(),
            constraints=monitor.suggested_constraints(),
            schedule_cron_expression=CronExpressionGenerator.hourly(),
        )
        requests.post(control, json={"advance": 3600}, timeout=5)
        execution = until(monitor.list_executions, 60, every=0.2)[-1]
        execution.wait(logs=False)
        found = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
        assert {each["constraint_check_type"] for each in found} == {"baseline_drift_check"}
        assert monitor.latest_monitoring_statistics().body_dict["dataset"]["item_count"] == 40
        monitor.delete_monitoring_schedule()
    finally:
        requests.post(control, json={"virtual": False}, timeout=5)
        session.delete_endpoint(name)
