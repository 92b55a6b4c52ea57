"""``harness up --state``: what was there before a restart is there after it."""

import contextlib
import json
import os
import pickle
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager

import boto3
import psutil
import pytest
from botocore.config import Config

from harness.emulator.process import state
from harness.emulator.process.records import CONTENTS, Record
from harness.emulator.process.state import StateError
from harness.emulator.stepfunctions.kept_executions import Kept
from harness.emulator.stepfunctions.store import Store
from tests.emulator.pictures import IMAGE, ROLE, load, picture, request, run
from tests.waiting import execution_ended, gone, hear, in_service, until

OUTSIDE = dict(os.environ)
"""The environment as it is before a target leads boto3 anywhere."""


@contextmanager
def emulator(folder, end=signal.SIGTERM):
    """Clients of an emulator that keeps its state in *folder*."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "up", "--port", "0", "--state", "state"],
        cwd=folder,
        env=OUTSIDE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = hear(process, r"http://\S+:\d+")[0]
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    try:
        yield lambda service: session.client(
            service, endpoint_url=url, config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        )
    finally:
        process.send_signal(end)
        told = process.communicate(timeout=20)[0]
        assert process.returncode in (0, -signal.SIGKILL), told


def answer(client, name):
    said = client("sagemaker-runtime").invoke_endpoint(EndpointName=name, ContentType="image/png", Body=picture(0, 5))
    return json.loads(said["Body"].read())


@pytest.mark.slow
def test_jobs_models_endpoints_and_buckets_outlive_a_restart_and_a_crash(tmp_path):
    with emulator(tmp_path) as client:
        s3, sagemaker = client("s3"), client("sagemaker")
        s3.create_bucket(Bucket="kept")
        load(s3, "kept")
        job = run(sagemaker, **request("kept", TrainingJobName="kept-job"))
        container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
        sagemaker.create_model(ModelName="kept", ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {
            "VariantName": "Only",
            "ModelName": "kept",
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.xlarge",
        }
        sagemaker.create_endpoint_config(EndpointConfigName="kept", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="kept", EndpointConfigName="kept")
        in_service(sagemaker, "kept")
        said = answer(client, "kept")
    with emulator(tmp_path, signal.SIGKILL) as client:
        sagemaker = client("sagemaker")
        again = sagemaker.describe_training_job(TrainingJobName="kept-job")
        assert {**again, "ResponseMetadata": 0} == {**job, "ResponseMetadata": 0}
        assert [item["TrainingJobName"] for item in sagemaker.list_training_jobs()["TrainingJobSummaries"]] == [
            "kept-job"
        ]
        in_service(sagemaker, "kept")
        assert answer(client, "kept") == said
        client("s3").put_object(Bucket="kept", Key="late-but-saved", Body=b"written before the crash")
        url = client("s3").meta.endpoint_url
        with urllib.request.urlopen(f"{url}/_harness/endpoints", timeout=10) as response:
            servers = [one["pid"] for item in json.load(response)["endpoints"] for one in item["variants"]]
        assert len(servers) == 1
        until(lambda: b"late-but-saved" in (tmp_path / "state" / "emulator.state").read_bytes())
    for server in servers:
        gone(server)  # a model server does not outlive its emulator
    with emulator(tmp_path) as client:
        late = client("s3").get_object(Bucket="kept", Key="late-but-saved")["Body"].read()
        assert late == b"written before the crash"
        in_service(client("sagemaker"), "kept")
        assert answer(client, "kept") == said
        taken = subprocess.run(
            [sys.executable, "-m", "harness", "up", "--port", "0", "--state", "state"],
            cwd=tmp_path,
            env=OUTSIDE,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert taken.returncode == 1
        assert "another emulator keeps its state in state" in taken.stderr


PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}}
TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.mark.slow
def test_state_machines_and_executions_outlive_a_crash_and_what_ran_is_reported(tmp_path):
    with emulator(tmp_path, signal.SIGKILL) as client:
        role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [TRUST]}))
        states = client("stepfunctions")

        def make(name, definition):
            given = {"name": name, "definition": json.dumps(definition), "roleArn": role["Role"]["Arn"]}
            return states.create_state_machine(**given, publish=True)["stateMachineArn"]

        machine, waiting = make("kept", PASS), make("waits", WAIT)
        ended = states.start_execution(stateMachineArn=f"{machine}:1", name="ended", input='{"n": 1}')["executionArn"]
        before = states.describe_execution(executionArn=ended)
        history = states.get_execution_history(executionArn=ended)["events"]
        assert before["status"] == "SUCCEEDED"
        running = states.start_execution(stateMachineArn=waiting, name="runs")["executionArn"]
        assert states.describe_execution(executionArn=running)["status"] == "RUNNING"
    with emulator(tmp_path) as client:
        states = client("stepfunctions")
        again = states.describe_execution(executionArn=ended)
        assert {**again, "ResponseMetadata": 0} == {**before, "ResponseMetadata": 0}
        assert states.get_execution_history(executionArn=ended)["events"] == history
        versions = states.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"]
        assert [version["stateMachineVersionArn"] for version in versions] == [f"{machine}:1"]
        reported = states.describe_execution(executionArn=running)
        assert (reported["status"], reported["error"]) == ("FAILED", "States.Runtime")
        assert "emulator was stopped" in reported["cause"]
        events = states.get_execution_history(executionArn=running)["events"]
        assert [event["type"] for event in events] == ["ExecutionStarted", "ExecutionFailed"]
        once_more = states.start_execution(stateMachineArn=machine)["executionArn"]
        assert states.describe_execution(executionArn=once_more)["status"] == "SUCCEEDED"


@pytest.fixture
def refused(tmp_path):
    """Starts an emulator with what is in the state folder; gives what it says to the refusal."""

    def start():
        ended = subprocess.run(
            [sys.executable, "-m", "harness", "up", "--port", "0", "--state", "state"],
            cwd=tmp_path,
            env=OUTSIDE,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
        return ended.stderr.replace("\n", " ")

    return start


def test_a_state_that_cannot_be_used_is_named_and_left_as_it_is(tmp_path, refused):
    from importlib.metadata import version

    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "emulator.state"
    pickled = json.dumps({"format": "1", "moto": version("moto")}).encode() + b"\n" + pickle.dumps(Hostile())
    for content, words in ((b"nothing of the kind", "is damaged"), (pickled, "written by an earlier release")):
        path.write_bytes(content)
        assert words in refused()
        assert path.read_bytes() == content
    assert not (tmp_path / "escaped").exists()


class Hostile:
    def __reduce__(self):
        return os.system, ("touch escaped",)


def test_the_end_of_a_terminal_is_an_orderly_stop(tmp_path):
    with emulator(tmp_path, signal.SIGHUP) as client:
        client("s3").create_bucket(Bucket="kept")
    with emulator(tmp_path) as client:
        assert [one["Name"] for one in client("s3").list_buckets()["Buckets"]] == ["kept"]


def test_a_stop_that_could_not_save_says_so(tmp_path):
    with pytest.raises(AssertionError, match="could not be saved"), emulator(tmp_path) as client:
        client("s3").create_bucket(Bucket="kept")
        for child in psutil.Process().children():
            if child.cwd() == str(tmp_path):  # as a disk that is full
                child.rlimit(psutil.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))


def test_what_could_not_be_saved_is_saved_once_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "_INTERVAL", 0.01)
    folder, attempts, saved = state.StateFolder(tmp_path / "state"), [], threading.Event()
    changes = iter([0])

    def records():
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("no space left on device")
        saved.set()
        return [Record("a", "b", 1)]

    folder.keep(lambda: next(changes, 1), records)
    assert saved.wait(10)
    folder.close()
    assert folder.load() == [Record("a", "b", 1)] and len(attempts) == 3


@pytest.mark.slow
def test_executions_outlive_a_restart_and_a_changed_byte_is_refused(tmp_path, refused):
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    with emulator(tmp_path) as client:
        states = client("stepfunctions")
        client("iam").get_role(RoleName=ROLE.rpartition("/")[2])
        machine = states.create_state_machine(name="kept", definition=definition, roleArn=states_role(client))
        ran = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"a": 1}')["executionArn"]
        execution_ended(states, ran)
    with emulator(tmp_path) as client:
        states = client("stepfunctions")
        assert states.describe_execution(executionArn=ran)["output"] == '{"a": 1}'
        assert len(states.get_execution_history(executionArn=ran)["events"]) == 4
    path = tmp_path / "state" / "stepfunctions.sqlite"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "stepfunctions.sqlite is damaged" in refused()
    assert path.read_bytes() == data


@pytest.mark.parametrize("column", ["status", "record", "history", "number", "started"])
def test_an_execution_that_was_changed_after_a_crash_is_named(tmp_path, column):
    path = tmp_path / "stepfunctions.sqlite"
    store = Store(path)
    kept = Kept("arn:aws:states:us-east-1:123456789012:execution:m:one", "m", started=1.5, members={"input": "{}"})
    assert store.begin(kept)
    store.put("machine", "arn:machine", {"name": "m"})
    kept.status, kept.stopped = "SUCCEEDED", 2.5
    store.end(kept, [{"id": 1}])
    store.close()
    path.with_name("stepfunctions.sqlite.sha256").unlink()
    again = Store(path)
    assert again.history(kept.arn) == [{"id": 1}]
    again.close()
    path.with_name("stepfunctions.sqlite.sha256").unlink()
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute(f"UPDATE executions SET {column} = 7")
        file.commit()
    with pytest.raises(StateError, match=rf"is damaged \(executions {kept.arn} is not as it was written\)"):
        Store(path)


def test_executions_of_another_format_are_refused(tmp_path):
    path = tmp_path / "stepfunctions.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE resources (arn TEXT)")
        file.commit()
    before = path.read_bytes()
    with pytest.raises(StateError, match="written by another release; remove it"):
        Store(path)
    assert path.read_bytes() == before


def states_role(client):
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return client("iam").create_role(RoleName="states", AssumeRolePolicyDocument=document)["Role"]["Arn"]


@pytest.mark.slow
def test_stacks_outlive_a_restart_and_can_be_changed_after_it(tmp_path):
    def template(value):
        allow = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": [allow]}
        properties = {"AssumeRolePolicyDocument": trust, "Description": value}
        role = {"Type": "AWS::IAM::Role", "Properties": properties}
        return json.dumps({"Resources": {"Role": role}, "Outputs": {"Name": {"Value": {"Ref": "Role"}}}})

    with emulator(tmp_path) as client:
        cfn = client("cloudformation")
        cfn.create_stack(StackName="kept", TemplateBody=template("one"), Capabilities=["CAPABILITY_IAM"])
        before = cfn.describe_stacks(StackName="kept")["Stacks"][0]
        assert before["StackStatus"] == "CREATE_COMPLETE"
    with emulator(tmp_path) as client:
        cfn = client("cloudformation")
        after = cfn.describe_stacks(StackName="kept")["Stacks"][0]
        assert (after["Outputs"], after["CreationTime"]) == (before["Outputs"], before["CreationTime"])
        cfn.update_stack(StackName="kept", TemplateBody=template("two"), Capabilities=["CAPABILITY_IAM"])
        name = after["Outputs"][0]["OutputValue"]
        assert client("iam").get_role(RoleName=name)["Role"]["Description"] == "two"
        cfn.delete_stack(StackName="kept")
        assert cfn.describe_stacks()["Stacks"] == []


@pytest.mark.slow
def test_pipelines_and_transform_jobs_outlive_a_restart(tmp_path):
    steps = [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "as it was told"}}]
    with emulator(tmp_path) as client:
        sagemaker, s3, role = client("sagemaker"), client("s3"), ROLE
        s3.create_bucket(Bucket="kept-jobs")
        s3.put_object(Bucket="kept-jobs", Key="in/a.png", Body=b"\x89PNG\r\n\x1a\n")
        sagemaker.create_pipeline(
            PipelineName="kept",
            ClientRequestToken="x" * 32,
            RoleArn=role,
            PipelineDefinition=json.dumps({"Steps": steps}),
        )
        sagemaker.create_model(ModelName="kept", ExecutionRoleArn=role, PrimaryContainer={"Image": "stub:1"})
        source = {"S3DataType": "S3Prefix", "S3Uri": "s3://kept-jobs/in/"}
        sagemaker.create_transform_job(
            TransformJobName="kept",
            ModelName="kept",
            TransformInput={"DataSource": {"S3DataSource": source}},
            TransformOutput={"S3OutputPath": "s3://kept-jobs/out"},
            TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        )
        before = sagemaker.describe_transform_job(TransformJobName="kept")
        described = sagemaker.describe_pipeline(PipelineName="kept")
    with emulator(tmp_path) as client:
        sagemaker = client("sagemaker")
        after = sagemaker.describe_transform_job(TransformJobName="kept")
        assert after["TransformJobStatus"] == "Completed"
        for answer in (before, after):
            del answer["ResponseMetadata"]
        assert after == before
        again = sagemaker.describe_pipeline(PipelineName="kept")
        assert again["PipelineDefinition"] == described["PipelineDefinition"]


def test_nothing_is_saved_after_the_last_save(tmp_path, monkeypatch):
    """The services are emptied while an emulator ends: that must not be what is kept."""
    monkeypatch.setattr(state, "_INTERVAL", 0.01)
    folder, changes, records = state.StateFolder(tmp_path), iter(range(10**9)), [Record("a", "b", 1)]
    folder.keep(lambda: next(changes), lambda: list(records))
    folder.end_keeping()
    folder.save(records)
    records.clear()
    assert not any(thread.name == "state" for thread in threading.enumerate())
    assert folder.load() == [Record("a", "b", 1)]
    folder.close()


@pytest.mark.parametrize("name", [".lock", "emulator.state", "stepfunctions.sqlite", "stepfunctions.sqlite.sha256"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_plain_file_is_not_opened(tmp_path, name, kind):
    """A link would have something else written over, and a pipe be waited for without end."""
    other = tmp_path / "other"
    other.write_text("precious")
    folder = tmp_path / "state"
    folder.mkdir()
    path = folder / name
    if kind == "link":
        path.symlink_to(other)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(StateError, match=f"{name} is no plain file: remove it"):
        state.private_file(folder, "stepfunctions.sqlite")
        state.StateFolder(folder)
    assert other.read_text() == "precious"


def test_contents_elsewhere_are_not_removed(tmp_path):
    documents, folder = tmp_path / "documents", tmp_path / "state"
    documents.mkdir()
    (documents / "precious").write_text("kept")
    folder.mkdir()
    (folder / CONTENTS).symlink_to(documents)
    with pytest.raises(StateError, match=f"{CONTENTS} is no plain folder"):
        state.StateFolder(folder).save([])
    assert (documents / "precious").read_text() == "kept"
    (folder / CONTENTS).unlink()
    (folder / CONTENTS).mkdir()
    os.mkfifo(folder / CONTENTS / "a")
    with pytest.raises(StateError, match="a is no plain file"):
        state.StateFolder(folder)
