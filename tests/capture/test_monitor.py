"""``harness monitor``: one page and its plots, of real captures, of a live endpoint, of nothing."""

import json
import re
import uuid
from contextlib import nullcontext

import boto3
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.monitor import plots
from harness.monitor.sections import accuracy_section, balance_section, confidence_section
from tests.capture.making import line, png, write_hours
from tests.capture.pictures import frame
from tests.waiting import hear

pytest.importorskip("scipy", reason="scipy is not installed: pip install 'aws-ml-harness[captures]'")

SECTIONS = [
    "Confidence",
    "Classes and threshold over time",
    "Accuracy and calibration",
    "Input drift",
    "Latency by state",
    "Least confident images",
    "How it was made",
]


def monitor(output, *arguments):
    done = CliRunner().invoke(main, ["monitor", *map(str, arguments), "--output", str(output)])
    assert done.exit_code == 0, done.output
    page = (output / "report.html").read_text()
    assert "<script" not in page and not re.search(r'(src|href)="(?!data:)', page) and "url(" not in page
    return page, done.output


def images_of(page):
    return re.findall(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="([^"]+)"', page)


def test_real_captures(real_data, tmp_path):
    images = real_data / "cifar-vehicles"
    page, said = monitor(tmp_path, real_data / "aws-truth" / "capture", "--labels", images, "--train", images / "train")
    assert re.findall(r"<h2>(.*?)</h2>", page) == SECTIONS
    assert "12 predictions between 2023-03-04 18:01:40 and 2025-08-10 11:52:11 UTC" in page
    assert "5 (41.7 %; of 9 distinct images 5, 55.6 %, 95 % interval 26.7 to 81.1 %) did not exceed" in page
    assert "True classes of 7 of 12 predictions are known" in page
    assert "9 distinct captured and 1,000 training images" in page
    assert "the captures are files in a folder" in page
    plots = {path.stem for path in tmp_path.glob("*.png")}
    assert plots == {
        "confidence_over_time",
        "confidence_by_class",
        "share_below_over_time",
        "class_balance_over_time",
        "accuracy",
        "calibration",
        "drift_brightness",
        "drift_contrast",
        "drift_embedding",
    }
    assert len(images_of(page)) == len(plots) and all(images_of(page))
    assert "9 plots" in said
    assert re.search(r'aria-label="Verdict"><p><b>(pass|watch|fail)</b>', page) and "Rule: " in page
    shown = re.findall(r'<ul class="gallery">(.*?)</ul>', page, re.S)[0]
    assert shown.count("<li") == len(set(re.findall(r'src="([^"]+)"', shown))), "an image is shown twice"


def test_a_folder_alone_says_what_is_not_known(tmp_path):
    write_hours(tmp_path / "captures")
    (tmp_path / "captures" / "extra.jsonl").write_bytes(b"<b>broken</b>\n")
    page, _ = monitor(tmp_path / "out", tmp_path / "captures")
    assert "Give labelled images with --labels" in page and "with --train" in page
    assert "1 line of 1 file hold no record" in page and "extra.jsonl, line 1" in page
    assert "<b>broken" not in page


def test_an_empty_folder_says_so(tmp_path):
    (tmp_path / "captures").mkdir()
    page, said = monitor(tmp_path / "out", tmp_path / "captures")
    assert "no capture files are there at all" in page and "no capture files are there at all" in said
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["How it was made"] and images_of(page) == []


def test_conditions_that_nothing_meets_say_so(tmp_path):
    write_hours(tmp_path / "captures")
    page, _ = monitor(tmp_path / "out", tmp_path / "captures", "--since", "1d")
    assert "No capture record that meets the conditions" in page


@pytest.fixture
def stub(target, bucket, s3, monkeypatch):
    """A stub endpoint that captures; gives its name."""
    monkeypatch.setattr("harness.targets.open_standing_target", lambda settings: nullcontext(target))
    client, name = boto3.client("sagemaker"), f"monitor-{uuid.uuid4().hex[:8]}"
    role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
    client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"})
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {"VariantName": "blue", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{bucket}/data_capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        },
    )
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    yield name
    client.delete_endpoint(EndpointName=name)
    client.delete_endpoint_config(EndpointConfigName=name)
    client.delete_model(ModelName=name)


def test_a_stub_endpoint_is_labelled_and_what_it_answered_is_shown(stub, bucket, s3, control, tmp_path):
    page, _ = monitor(tmp_path / "before", stub)
    assert "No capture record lies below" in page and f"Endpoint {stub} is InService" in page
    runtime = boto3.client("sagemaker-runtime")
    for number in range(12):
        image = png(number)
        s3.put_object(Bucket=bucket, Key=f"images/{('bicycle', 'motorcycle')[number % 2]}/{number}.png", Body=image)
        runtime.invoke_endpoint(EndpointName=stub, ContentType="image/png", Body=image)
    control.post("flush", {})
    images = f"s3://{bucket}/images"
    page, said = monitor(tmp_path / "after", stub, "--labels", images, "--train", images)
    assert f"Endpoint {stub} is a stub: no model answers" in page and "is a stub" in said
    assert "True classes of 12 of 12 predictions are known" in page and "blue" in page
    assert "12 distinct captured and 12 training images" in page
    assert "12 of them are of images of the training set" in page
    # By the keys alone, too, it is known whose captures they are.
    page, _ = monitor(tmp_path / "by-uri", f"s3://{bucket}/data_capture", "--unsure", "0")
    assert f"Endpoint {stub} is a stub" in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--labels", "no/such/folder"], "there is no folder or manifest no/such/folder"),
        (["--since", "soon"], "is no time"),
        (["--train", "s3://"], "is no S3 URI"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(stub, tmp_path, arguments, says):
    done = CliRunner().invoke(main, ["monitor", str(tmp_path), "--output", str(tmp_path / "out"), *arguments])
    assert done.exit_code == 1 and says in done.output and len(done.output.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_state_machine_is_named(stub, tmp_path):
    write_hours(tmp_path / "captures")
    arguments = ["monitor", str(tmp_path / "captures"), "--state-machine", "NoSuch", "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1 and "there is no state machine 'NoSuch'" in done.output


def test_sentences_give_numbers_that_the_frame_has():
    some = frame()
    below = int((some["confidence"] <= 0.93).sum())
    assert f"and {below:,} ({100 * below / len(some):.1f} %" in confidence_section(some, 0.93).words
    ones = int((some["predicted"] == 1).sum())
    assert f"{ones} ({100 * ones / len(some):.1f} %" in balance_section(some, 0.93).words
    assert accuracy_section(some, 0.93, None).plots == ()


def test_an_image_that_is_sent_again_narrows_no_interval():
    once = frame()
    once["image"], once["variant"] = range(len(once)), "AllTraffic"
    again = pd.concat([once] * 12)
    for section in (confidence_section, balance_section):
        words = section(once, 0.93).words
        share, interval = re.search(r"(\d+) \((\d.*?95 % interval .*?)\)", words).groups()
        said = section(again, 0.93).words
        assert f"of {len(once):,} distinct images {share}, {interval})" in said and "distinct" not in words
    for plot in (plots.share_below_over_time, plots.class_balance_over_time):
        bands = [plot(each).collections[0].get_paths()[0].vertices for each in (once, again)]
        np.testing.assert_array_equal(*bands)


def test_records_without_probabilities_make_a_report(tmp_path):
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "a.jsonl").write_bytes(line(1, "text") + line(2, None))
    page, _ = monitor(tmp_path / "out", tmp_path / "captures")
    assert "None of the 2 records has probabilities as its output" in page


@pytest.mark.slow
def test_all_real_images_through_the_shipped_model(root, real_data, tmp_path):
    """The emulator, the workflow and the monitor as commands, as a person would run them."""
    import os
    import subprocess
    import sys

    pytest.importorskip("onnxruntime")
    images = real_data / "cifar-vehicles"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))},
        "HARNESS_CACHE": str(tmp_path / "cache"),
    }

    def harness(*arguments):
        command = [sys.executable, "-m", "harness", *map(str, arguments)]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True).stdout

    up = subprocess.Popen(
        [sys.executable, "-m", "harness", "up", "--port", "0"],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        hear(up, "http://")
        harness("deploy", "--data", images, "--executions", "12")
        script = tmp_path / "invoke.py"
        script.write_text(
            "import boto3, pathlib, sys\n"
            "runtime = boto3.client('sagemaker-runtime')\n"
            "for path in sorted(pathlib.Path(sys.argv[1]).glob('t*/*.png')):\n"
            "    runtime.invoke_endpoint(EndpointName=sys.argv[2], ContentType='image/png', Body=path.read_bytes())\n"
        )
        name = "scones-image-classification"
        harness("run", script, images, name)
        variables = json.loads(harness("env", "--shell", "json"))
        import urllib.request

        request = urllib.request.Request(f"{variables['AWS_ENDPOINT_URL']}/_harness/flush", method="POST", data=b"{}")
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request).close()
        output = tmp_path / "out"
        harness("monitor", name, "--labels", images, "--train", images / "train", "--output", output)
        page = (output / "report.html").read_text()
    finally:
        up.terminate()
        up.communicate(timeout=60)
    assert "1,212 predictions between" in page
    assert "True classes of 1,212 of 1,212 predictions are known" in page
    assert "In the latest 12 executions, the slowest state is" in page
    assert "No difference from the training set was found" in page
    assert "is a stub" not in page
    correct = float(re.search(r"of the rest, ([0-9.]+) % of 2\d\d were correct", page)[1])
    assert correct > 85
