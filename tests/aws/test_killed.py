"""A run that is killed, at any of its steps, leaves nothing that the next destroy or sweep does not find."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.cloud.sweep import sweep
from harness.scones.aws.cleanup import destroy_cloud
from harness.scones.aws.deployment import deploy_cloud, plan_actions
from harness.scones.aws.plan import plan_cloud
from harness.scones.dataset.transform import from_folder
from tests.aws.conftest import everything
from tests.waiting import hear

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

NOTHING = set()


@dataclass
class Runs:
    """Runs that are killed, one after the other."""

    process: subprocess.Popen
    names: Path

    def run(self, last=0):
        """Run, killed at the call of that number; tells how it ended."""
        self.process.stdin.write(f"{last}\n")
        self.process.stdin.flush()
        return int(hear(self.process, r"(-?\d+)\n", 120)[1])

    def calls(self):
        """The calls of the last run."""
        return self.names.read_text().splitlines()


@pytest.fixture
def runs(stand_in, root, drawings, tmp_path):
    names = tmp_path / "calls"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.aws.killed_run", stand_in.url, drawings, names],
        cwd=root,
        env=stand_in.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Runs(process, names)
    process.stdin.close()
    process.wait(30)


def test_a_run_that_is_killed_at_any_step_leaves_nothing_that_is_not_found(stand_in, root, runs):
    assert runs.run() == 0
    calls = runs.calls()
    # Of many objects that are put one after the other, the first and the second say it all.
    steps = [
        number
        for number, call in enumerate(calls, 1)
        if call != "s3.PutObject" or calls[max(0, number - 3) : number].count(call) < 3
    ]
    wanted = {
        "s3.CreateBucket",
        "s3.PutObject",
        "cloudformation.CreateChangeSet",
        "cloudformation.ExecuteChangeSet",
        "sagemaker.CreateTrainingJob",
        "scheduler.CreateScheduleGroup",
        "scheduler.CreateSchedule",
        "sagemaker.CreateModel",
        "sagemaker.CreateEndpointConfig",
        "sagemaker.CreateEndpoint",
        "sagemaker.DeleteEndpoint",
        "cloudformation.DeleteStack",
        "s3.DeleteBucket",
    }
    assert wanted <= {calls[number - 1] for number in steps}
    with stand_in.session() as (target, session):
        assert everything(session) == NOTHING
        for number in steps:
            assert runs.run(number) == -signal.SIGKILL
            if number % 2:
                destroy_cloud(target, session, stand_in.settings)
            else:
                sweep(session, now=datetime.now(UTC) + timedelta(days=2))
            assert everything(session) == NOTHING, f"killed at call {number}, {calls[number - 1]}"


def test_a_sweep_finds_a_bucket_that_was_made_in_the_last_instant(stand_in, runs):
    assert runs.run() == 0
    calls = runs.calls()
    assert "s3.PutBucketTagging" not in calls  # it is made with its tags
    assert runs.run(calls.index("s3.CreateBucket") + 2) == -signal.SIGKILL
    with stand_in.session() as (_, session):
        assert everything(session) == {("bucket", "scones-unlimited-123456789012-us-east-1")}
        assert sweep(session) == []
        assert everything(session) == {("bucket", "scones-unlimited-123456789012-us-east-1")}  # it has not expired
        assert sweep(session, now=datetime.now(UTC) + timedelta(days=2)) == []
        assert everything(session) == NOTHING


@pytest.mark.parametrize("call", ["sagemaker.CreateEndpoint", "cloudformation.ExecuteChangeSet"])
def test_a_run_that_was_killed_is_taken_up_by_the_next(stand_in, root, drawings, runs, call):
    assert runs.run() == 0
    assert runs.run(runs.calls().index(call) + 1) == -signal.SIGKILL
    with stand_in.session() as (target, session):
        plan = plan_cloud(target, session, stand_in.settings, root, from_folder(drawings), None)
        deploy_cloud(plan, session)
        again = plan_cloud(target, session, stand_in.settings, root, from_folder(drawings), None)
        assert plan_actions(again, session) == []
        destroy_cloud(target, session, stand_in.settings)
        assert everything(session) == NOTHING


WAITS = """
import sys, time
from pathlib import Path
from harness.settings import Settings
from harness.targets.aws import aws
from harness.scones.aws.run import deployed_on_aws
import boto3
url, root = sys.argv[1], Path(sys.argv[2])
model = str(root / "fixtures/model/model.tar.gz")
settings = Settings(
    target="aws", aws_stand_in=url, consent="yes", max_cost=10.0, aws_account="123456789012", model=model
)
with aws(settings) as target, deployed_on_aws(target, boto3.Session(), settings, root, None):
    print("deployed", flush=True)
    time.sleep(600)
"""


def test_a_run_that_is_told_to_end_cleans_up(stand_in, root):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, stand_in.url, root], env=stand_in.environment(), stdout=subprocess.PIPE, text=True
    )
    hear(process, "deployed\n", 120)
    with stand_in.session() as (_, session):
        assert ("endpoint", "scones-image-classification") in everything(session)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(120) == 128 + signal.SIGTERM
        assert everything(session) == NOTHING
