"""The harness command as a user runs it: in a process of its own."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from tests.waiting import hear

OUTSIDE = dict(os.environ)
"""The environment as it is before a target leads boto3 anywhere."""
ROOT = Path(__file__).resolve().parents[2]
HARNESS = [sys.executable, "-m", "harness"]


def clean_environment(**more):
    return {name: value for name, value in OUTSIDE.items() if not name.startswith(("AWS_", "HARNESS_"))} | more


def run(*arguments, cwd, **more):
    return subprocess.run(
        [*HARNESS, *arguments], cwd=cwd, env=clean_environment(**more), capture_output=True, text=True, timeout=60
    )


@contextlib.contextmanager
def emulator(tmp_path):
    process = subprocess.Popen(
        [*HARNESS, "up", "--port", "0"], cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, hear(process, r"The emulator answers at (http://127.0.0.1:\d+)")[1]
    finally:
        process.kill()
        process.wait(20)


def test_up_tells_where_it_answers_and_env_leads_there(tmp_path):
    with emulator(tmp_path) as (_, url):
        told = run("env", "--shell", "json", cwd=tmp_path)
        environment = json.loads(told.stdout)
        assert environment["AWS_ENDPOINT_URL"] == url
        script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
        shell = run("env", cwd=tmp_path).stdout + f'\n{shlex.quote(sys.executable)} -c "{script}"'
        answered = subprocess.run(
            ["sh", "-c", shell], env=clean_environment(AWS_PROFILE="nobody"), capture_output=True, text=True
        )
    assert answered.stdout.strip() == "123456789012", answered.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stops_cleanly(tmp_path, number):
    with emulator(tmp_path) as (process, url):
        s3 = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        s3.create_bucket(Bucket="bucket")
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 5
        assert "Stopped." in process.stdout.read()
    assert not (tmp_path / ".harness" / "emulator.json").exists()
    assert "no emulator runs for this folder" in run("env", cwd=tmp_path).stderr


STUCK = """
import threading
from harness.emulator.process import foreground
from harness.settings import Settings

class Page:
    def __call__(self, environ, start_response):
        raise NotImplementedError

    def close(self):
        threading.Event().wait()  # as an answer that never comes to an end

foreground._LONGEST_STOP = 0.5
foreground.run_in_foreground(
    host="127.0.0.1", port=0, settings=Settings(), services=None, page=lambda *given: Page()
)
"""


def test_what_never_ends_does_not_keep_the_emulator_from_ending(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "The emulator answers" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "could not be stopped within" in told


def test_a_taken_port_is_a_clear_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run("up", "--port", str(taken.getsockname()[1]), cwd=tmp_path)
    assert refused.returncode == 1
    assert re.match(rf"Error: port \d+ is taken by \S+ \(pid {os.getpid()}\)", refused.stderr), refused.stderr
    assert "--port" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["up", "--services", "s3,sqs"], {}, "no such service: sqs"),
        (["up"], {"HARNESS_PORT": "http"}, "HARNESS_PORT='http': expected int"),
        (["demo"], {"HARNESS_THRESHOLD": "93"}, "HARNESS_THRESHOLD=93.0: expected a number from 0 to 1"),
        (["demo", "--source", "nowhere.tar.gz"], {}, "there is no file nowhere.tar.gz"),
        (["demo"], {"HARNESS_TARGET": "moon"}, "no such target: 'moon'"),
        (["demo", "--model", "nowhere.tar.gz"], {}, "there is no model nowhere.tar.gz"),
        (["up"], {"HARNESS_RECIPE": "slow"}, "HARNESS_RECIPE='slow': expected one of auto, aws, fast, linear"),
    ],
)
def test_bad_input_is_named_without_a_traceback(tmp_path, arguments, variables, message):
    refused = run(*arguments, cwd=tmp_path, **variables)
    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_the_demo_runs_from_images_to_report_and_leaves_nothing(tmp_path):
    for name in ("fixtures", "lambdas", "statemachine", "template.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = run("demo", "--executions", "12", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "12 executions: " in done.stdout
    assert "failed with ThresholdConfidenceNotMet" in done.stdout
    assert "12 capture records" in done.stdout
    assert "all of it is gone" in done.stdout
    assert re.search(r"/models/[0-9a-f]{8}/model\.tar\.gz", done.stdout.replace("\n", ""))  # a long line is broken
    assert "The endpoint was a stub" not in done.stdout
    assert "The images were drawn by the harness" in done.stdout
    made = sorted(path.name for path in (tmp_path / "demo-output").iterdir())
    assert made == ["confidence_over_time.png", "predictions_by_class.png", "report.html"]


@pytest.mark.slow
def test_dataset_commands_run_one_after_the_other(tmp_path):
    assert run("dataset", "synthesize", "a.tar.gz", "--train", "3", "--test", "2", cwd=tmp_path).returncode == 0
    assert run("dataset", "extract", "b.tar.gz", "--source", "a.tar.gz", cwd=tmp_path).returncode == 0
    made = run("dataset", "transform", "b.tar.gz", "images", cwd=tmp_path)
    assert made.stdout == "wrote 6 training and 4 test images to images\n"
    with emulator(tmp_path):
        environment = json.loads(run("env", "--shell", "json", cwd=tmp_path).stdout)
        loaded = run("dataset", "load", "images", "s3://pictures/set", cwd=tmp_path, **environment)
        assert loaded.stdout.startswith("uploaded 12 files"), loaded.stderr
        again = run("dataset", "load", "images", "s3://pictures/set", cwd=tmp_path, **environment)
    assert again.stdout == "uploaded 0 files (0 bytes), 12 were unchanged\n"


def test_policy_names_the_roles_that_called(tmp_path):
    assert "no emulator runs for this folder" in run("policy", cwd=tmp_path).stderr
    with emulator(tmp_path):
        assert json.loads(run("policy", cwd=tmp_path).stdout) == {}
        refused = run("policy", "--role", "nobody", cwd=tmp_path)
        assert refused.returncode == 1
        assert "no calls by role 'nobody' were seen; roles that called: none yet" in refused.stderr


def test_help_is_quick_to_import():
    listing = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import harness.cli, harness.testing.plugin"],
        capture_output=True,
        text=True,
        env=clean_environment(),
    ).stderr
    imported = {line.rpartition("|")[2].strip() for line in listing.splitlines()}
    assert "click" in imported
    assert not imported & {"boto3", "moto", "numpy", "pandas", "matplotlib", "rich"}


@pytest.mark.slow
def test_evaluate_leaves_functions_as_they_are_and_refuses_before_it_deploys(tmp_path):
    for name in ("fixtures", "lambdas", "statemachine", "template.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    assert run("dataset", "synthesize", "a.tar.gz", "--train", "1", "--test", "1", cwd=tmp_path).returncode == 0
    assert run("dataset", "transform", "a.tar.gz", "images", cwd=tmp_path).returncode == 0
    with emulator(tmp_path) as (_, url):
        functions = boto3.client(
            "lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        refused = run("evaluate", "nowhere", cwd=tmp_path)
        assert "there is no folder nowhere" in refused.stderr
        assert functions.list_functions()["Functions"] == []
        first = run("evaluate", "images/test", cwd=tmp_path)
        assert first.returncode == 0, first.stderr
        functions.update_function_configuration(FunctionName="thresholdImageData", Description="being edited")
        again = run("evaluate", "images/test", cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert "updated" not in again.stdout
        present = functions.get_function_configuration(FunctionName="thresholdImageData")
    assert present["Description"] == "being edited"
