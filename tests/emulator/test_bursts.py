"""A burst of invocations leaves a few idle environments, not one for each."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config

from tests.emulator.packages import package
from tests.waiting import active, until

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/everything"
SLOW = "import time\n\ndef lambda_handler(event, context):\n    time.sleep(2)\n"
BURST = 30
FEW = 4


def test_a_burst_of_slow_invocations_leaves_few_environments(target, role, control):
    client = boto3.client("lambda", config=Config(max_pool_connections=BURST))
    name = f"burst-{uuid.uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="lambda_function.lambda_handler",
        Role=ROLE,
        Timeout=60,
        Code={"ZipFile": package(SLOW)},
    )
    active(client, name)
    before = set(control.get("functions/processes")["processes"])
    with ThreadPoolExecutor(BURST) as pool:
        list(pool.map(lambda _: client.invoke(FunctionName=name), range(BURST)))
    burst = set(control.get("functions/processes")["processes"]) - before
    assert len(burst) > FEW
    until(lambda: len(burst & set(control.get("functions/processes")["processes"])) <= FEW, 60, every=0.5)
    assert client.invoke(FunctionName=name)["StatusCode"] == 200
    client.delete_function(FunctionName=name)
