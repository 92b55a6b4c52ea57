"""``harness run``: scripts and notebooks, unmodified, against a target."""

import json
import os
import subprocess

import pytest

from harness.programs.failures import failure, hints
from harness.programs.scripts import COMMANDS
from tests.conftest import harness
from tests.waiting import hear

OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
SCRIPT = """
import boto3, sys
boto3.client("s3").create_bucket(Bucket="made-by-a-script")
print(sys.argv[1:], [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]])
sys.exit(3)
"""


def run(*arguments, cwd):
    return subprocess.run(harness("run", *arguments), cwd=cwd, env=OUTSIDE, capture_output=True, text=True, timeout=60)


def notebook(*sources):
    rest = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    cells = [{**rest, "id": f"cell-{number}", "source": source} for number, source in enumerate(sources)]
    kernel = {"name": "conda_mxnet_p36", "display_name": "conda_mxnet_p36", "language": "python"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def test_a_script_gets_its_arguments_and_gives_its_exit_code(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run("script.py", "one", "--two", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stdout.strip() == "['one', '--two'] ['made-by-a-script']"
    assert "running script.py against the embedded target" in done.stderr


def test_a_script_finds_the_emulator_that_runs(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    up = subprocess.Popen(harness("up", "--port", "0"), cwd=tmp_path, env=OUTSIDE, stdout=subprocess.PIPE, text=True)
    try:
        hear(up, "http://")
        first, second = run("script.py", cwd=tmp_path), run("script.py", cwd=tmp_path)
    finally:
        up.terminate()
        up.communicate(timeout=20)
    assert "against the emulator at http://127.0.0.1:" in first.stderr
    assert "made-by-a-script" in first.stdout
    assert second.returncode == 3, second.stderr  # in us-east-1 a bucket of one's own can be made again


@pytest.mark.slow
def test_a_notebook_is_written_with_its_results_even_when_a_cell_fails(tmp_path):
    first = "import boto3\nprint(boto3.client('sts').get_caller_identity()['Account'])"
    (tmp_path / "work.ipynb").write_text(notebook(first, "raise ValueError('as it should')", "print('never')"))
    done = run("work.ipynb", cwd=tmp_path)
    assert done.returncode == 1
    assert "cell 1 of 3" in done.stderr
    assert "cell 2, line 1: raise ValueError('as it should')" in done.stderr
    assert "ValueError: as it should" in done.stderr
    assert "Traceback (most recent call last):\n  File" not in done.stderr  # the notebook's own, not ours
    executed = json.loads((tmp_path / "work.executed.ipynb").read_text())
    assert "".join(executed["cells"][0]["outputs"][0]["text"]) == "123456789012\n"
    assert executed["cells"][1]["outputs"][0]["ename"] == "ValueError"
    assert executed["cells"][2]["outputs"] == []


@pytest.mark.slow
def test_a_notebook_s_parameters_are_set_and_errors_passed_over(tmp_path):
    (tmp_path / "work.ipynb").write_text(notebook("a = 1", "raise ValueError('one')", "print(bucket, count)"))
    given = ("--set", "bucket=b", "--set", "count=3", "--allow-errors")
    done = run(*given, "work.ipynb", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cell 3, line 1: raise ValueError('one')" in done.stderr
    executed = json.loads((tmp_path / "work.executed.ipynb").read_text())
    assert "".join(executed["cells"][3]["outputs"][0]["text"]) == "b 3\n"


def test_what_is_no_parameter_is_named(tmp_path):
    (tmp_path / "work.ipynb").write_text("{}")
    done = run("--set", "bucket", "work.ipynb", cwd=tmp_path)
    assert done.returncode == 2
    assert "--set takes NAME=VALUE, not 'bucket'" in done.stderr


def test_what_is_no_notebook_is_named(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    done = run("broken.ipynb", cwd=tmp_path)
    assert done.returncode == 1
    assert "broken.ipynb is no notebook" in done.stderr


@pytest.mark.slow
def test_downloads_are_answered_from_files_and_commands_are_those_of_the_kernel(tmp_path):
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    (tmp_path / "own.txt").write_text("mine")
    first = f"""
import io, tarfile, urllib.request, requests
archive = requests.get("{url}").content
assert urllib.request.urlopen("{url}").read() == archive
print(sorted(tarfile.open(fileobj=io.BytesIO(archive)).getnames()))
print(urllib.request.urlopen("http://example.test/own?a=1").read().decode())
"""
    commands = (
        f"!curl -sSf -o archive.tgz {url}\n!python -c 'import sys; print(sys.prefix)'\nimport sys; print(sys.prefix)"
    )
    (tmp_path / "work.ipynb").write_text(notebook(first, commands))
    maps = ("--map", f"{url}=synthesized", "--map", "http://example.test/own?a=1=own.txt")
    done = run(*maps, "work.ipynb", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"--map: {url} was asked for 3 times" in done.stderr
    executed = json.loads((tmp_path / "work.executed.ipynb").read_text())
    said = ["".join("".join(output["text"]) for output in cell["outputs"]) for cell in executed["cells"]]
    folder = "cifar-100-python"
    assert said[0].splitlines() == [
        str([f"{folder}/{name}" for name in ("file.txt~", "meta", "test", "train")]),
        "mine",
    ]
    assert len(set(said[1].splitlines())) == 1  # the kernel's own interpreter


@pytest.mark.parametrize(
    ("given", "said"),
    [("nonsense", "--map takes URL=FILE"), ("https://host/file=gone.tgz", "there is no file gone.tgz")],
)
def test_what_is_no_map_is_named(given, said, tmp_path):
    (tmp_path / "script.py").write_text("")
    done = run("--map", given, "script.py", cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr


def test_the_aws_cli_that_is_missing_says_how_to_get_it():
    done = subprocess.run([str(COMMANDS / "aws"), "s3", "ls"], capture_output=True, text=True)
    assert done.returncode == 127
    assert "pip install 'aws-ml-harness[notebook]'" in done.stderr


def test_an_error_below_rich_s_traceback_names_its_line():
    cell = Cell("x = 1\nfail()", [{"data": {"text/plain": "Traceback\n in <module>:2\nValueError: no"}}])
    told = failure(3, cell, {"ename": "ValueError", "evalue": "no", "traceback": []}, "123456789012")
    assert told.splitlines()[0] == "cell 3, line 2: fail()"


@pytest.mark.parametrize(
    ("said", "source", "hint"),
    [
        ("ClientError: NoSuchBucket", "s3.get_object(Bucket='theirs')", "the bucket (theirs) is of another account"),
        ("AccessDenied", "role = 'arn:aws:iam::999988887777:role/R'", "account 999988887777 is named here"),
        ("URLError: no route", "get('https://host.test/a.tgz')", "https://host.test/a.tgz cannot be reached from here"),
    ],
)
def test_what_a_local_run_lacks_is_explained(said, source, hint):
    assert hint in "\n".join(hints(said, source, "123456789012"))


def test_what_is_here_needs_no_hint():
    assert hints("KeyError: 'x'", "'683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker'", "123456789012") == []


class Cell:
    """A notebook's cell, as far as a failure looks at it."""

    def __init__(self, source, outputs):
        self.source = source
        self._outputs = outputs

    def get(self, name, default):
        return self._outputs


ENDPOINT = """
import boto3
sagemaker = boto3.client("sagemaker")
role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"})
variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 2, "InstanceType": "ml.m5.xlarge"}
odd = {**variant, "VariantName": "odd", "InstanceType": "ml.p5.48xlarge", "InitialInstanceCount": 1}
sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant, odd])
sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig={"Delay": 1})
"""


def test_a_dry_run_says_what_it_would_cost_on_aws(tmp_path):
    (tmp_path / "script.py").write_text(ENDPOINT)
    done = run("--dry-run", "script.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "endpoint e (v) on 2 ml.m5.xlarge" in line)
    assert line.split()[-5:] == ["0.23", "1.50", "0.35", "6.00", "1.38"]  # USD an hour; expected and at most, both
    assert "not in it: endpoint e (odd) on 1 ml.p5.48xlarge" in done.stdout


def test_a_dry_run_of_what_makes_nothing_costs_nothing(tmp_path):
    (tmp_path / "script.py").write_text("print('hello')")
    done = run("--dry-run", "script.py", cwd=tmp_path)
    assert "on AWS: nothing that is billed by the hour was made" in done.stdout
