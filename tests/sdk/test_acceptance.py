"""The acceptance script, unmodified, through ``harness run``: trains, deploys, predicts, captures, cleans up."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import harness

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OUTSIDE = dict(os.environ)
"""The environment as it is before a target leads boto3 anywhere."""


@dataclass
class Run:
    """A finished run of a script."""

    code: int
    output: str
    folder: Path


@pytest.fixture(scope="module")
def acceptance(root, drawings, tmp_path_factory):
    """The acceptance script, run to its end."""
    folder = tmp_path_factory.mktemp("acceptance")
    done = subprocess.run(
        harness("run", root / "examples" / "train_deploy_predict.py", drawings),
        cwd=folder,
        env=OUTSIDE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )
    return Run(done.returncode, done.stdout, folder)


def test_it_ends_well(acceptance):
    assert acceptance.code == 0, acceptance.output
    assert "5 captured invocations in" in acceptance.output
    assert "Traceback" not in acceptance.output


def test_fit_showed_the_job_s_states_and_log(acceptance):
    for state in (
        "Starting - Starting the training job",
        "Pending - Preparing the instances for training",
        "Downloading - Downloading the training image",
        "Training - Training image download completed. Training in progress.",
        "Uploading - Uploading generated training model",
        "Completed - Training job completed",
    ):
        assert re.search(rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d {re.escape(state)}", acceptance.output, re.M), state
    assert re.search(r"^Training seconds: \d+$", acceptance.output, re.M)
    assert re.search(r"^Billable seconds: \d+$", acceptance.output, re.M)


def test_the_captures_are_those_of_the_predictions(acceptance):
    files = list((acceptance.folder / "captured").rglob("*.jsonl"))
    records = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    said = re.findall(r"bicycle (0\.\d{3}|1\.000), motorcycle", acceptance.output)
    captured = [json.loads(record["captureData"]["endpointOutput"]["data"])[0] for record in records]
    assert sorted(said) == sorted(f"{value:.3f}" for value in captured)


def test_its_log_has_the_form_of_aws_own(acceptance, real_data):
    """Every line of the job has a twin in a real log, numbers apart, and the other way round."""
    ours = forms(acceptance.output)
    theirs = set()
    for path in (real_data / "aws-truth" / "training-logs").iterdir():
        theirs |= forms(path.read_text())
    own = {line for line in ours if "Local recipe" in line}  # what is not AWS's training must be said
    assert len(own) == 1
    own |= {line for line in ours if "AWS's log has none" in line}
    assert ours - own - theirs == set()
    assert {line for line in theirs - ours if "cudnn" not in line} <= {
        # With a batch of 32 and 60 images there is no twentieth batch.
        "[T INFO N] Epoch[#] Batch [#]##Speed: # samples/sec##accuracy=#"
    }


def test_its_captures_have_the_form_of_aws_own(acceptance, real_data):
    theirs = {
        shape(line)
        for path in (real_data / "aws-truth" / "capture").iterdir()
        for line in path.read_text().splitlines()
    }
    files = (acceptance.folder / "captured").rglob("*.jsonl")
    ours = {shape(line) for path in files for line in path.read_text().splitlines()}
    assert ours <= theirs


def forms(text):
    """The lines of AWS's algorithm in a log, numbers and places of installation masked."""
    found = set()
    for line in text.splitlines():
        line = line[line.find("[") :] if re.match(r"^\d{4}-\d\d-\d\d .*\[\d\d/", line) else line
        if re.match(r"^\[\d\d/\d\d/\d{4} ", line):
            line = re.sub(r"^\[\S+ \S+ (\w+) \d+\]", r"[T \1 N]", line)
            line = re.sub(r"(default configuration from) \S+:", r"\1 PLACE:", line)
            line = re.sub(r"\b(train|test|validation)\w*\.lst", "NAME.lst", line)
            found.add(re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "#", line))
    return found


def shape(line):
    """A capture record with its own values masked."""
    line = re.sub(r'"data":"(?:[^"\\]|\\.)*"', '"data":"..."', line)
    line = re.sub(r'"eventId":"[0-9a-f-]{36}"', '"eventId":"..."', line)
    return re.sub(r'"inferenceTime":"[0-9TZ:-]+"', '"inferenceTime":"..."', line)
