"""What a developer's shell holds neither changes the emulator nor reaches the programs that it starts."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import boto3
from botocore.config import Config

from harness.emulator.process.surroundings import leave_out_surroundings, program_variables, without_surroundings
from harness.emulator.sagemaker.program import ProcessProgram, ProgramSpec
from tests.emulator.pictures import ROLE
from tests.waiting import hear

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_PROFILE": "prod",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://real",
    "GITHUB_TOKEN": "real",
    "SSH_AUTH_SOCK": "/real",
    "HOME": "/home/real",
    "HTTPS_PROXY": "http://user:real@proxy",
    "KUBECONFIG": "/real",
}


def test_programs_get_what_is_named_and_no_more():
    given = program_variables({**SECRETS, "PATH": "/bin", "LC_ALL": "C", "OMP_NUM_THREADS": "2"}, "/opt/ml")
    assert not [value for value in given.values() if "real" in value.lower()]
    assert given["HOME"] == "/opt/ml" and given["PATH"] == "/bin" and given["OMP_NUM_THREADS"] == "2"
    assert given["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_program_sees_no_secret(tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "tell.py").write_text("import json, os; print(json.dumps(dict(os.environ)))")
    lines = []
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tell:1"
    spec = ProgramSpec(image, (), tmp_path, {"SM_MODEL_DIR": "/m"}, lines.append)
    running = ProcessProgram(spec, (sys.executable, str(tmp_path / "tell.py")), {})
    assert running.wait(20) == 0
    told = json.loads(lines[0])
    assert told["SM_MODEL_DIR"] == "/m"
    assert not [name for name, value in told.items() if value in SECRETS.values()]


def test_what_is_left_out_comes_back_afterwards():
    environ = {**SECRETS, "MOTO_PORT": "1", "TEST_SERVER_MODE": "true", "AWS_ENDPOINT_URL_S3": "http://s3", "A": "b"}
    before = dict(environ)
    with without_surroundings(environ):
        assert not {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "MOTO_PORT", "TEST_SERVER_MODE"} & environ.keys()
        assert environ["AWS_ENDPOINT_URL_S3"] == "http://s3" and environ["A"] == "b"
    assert environ == before
    leave_out_surroundings(environ)
    assert environ["AWS_CONFIG_FILE"] == os.devnull


ODD = {
    "AWS_PROFILE": "nobody",
    "AWS_CONFIG_FILE": "/nowhere/config",
    "AWS_DEFAULTS_MODE": "odd",
    "AWS_RETRY_MODE": "odd",
    "AWS_MAX_ATTEMPTS": "odd",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_ENDPOINT_DISCOVERY_ENABLED": "odd",
    "BOTO_CONFIG": "/nowhere/boto",
    "MOTO_S3_CUSTOM_ENDPOINTS": "http://odd",
    "MOTO_S3_DEFAULT_MAX_KEYS": "1",
    "MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false",
    "INITIAL_NO_AUTH_ACTION_COUNT": "0",
    "TEST_SERVER_MODE": "true",
    "SF_EXECUTION_HISTORY_TYPE": "FAILURE",
}


@contextmanager
def started(folder, **variables):
    """A client maker of an emulator in a shell with *variables*."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "up", "--port", "0"],
        cwd=folder,
        env={**clean, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = hear(process, r"http://\S+:\d+")[0]
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        yield lambda service: boto3.client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=config,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=20)[0]
    assert process.returncode == 0 and "Traceback" not in said, said


def test_odd_variables_change_nothing(tmp_path):
    with started(tmp_path, **ODD) as client:
        s3 = client("s3")
        s3.create_bucket(Bucket="odd")
        for key in ("a", "b"):
            s3.put_object(Bucket="odd", Key=key, Body=b"1")
        assert s3.list_objects_v2(Bucket="odd")["KeyCount"] == 2
        container = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/stub:1"}
        client("iam").get_role(RoleName="AmazonSageMaker-ExecutionRole")
        client("sagemaker").create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container)
