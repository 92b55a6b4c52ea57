"""`pytest` with one test of a project of one's own: three functions and a state machine, deployed and run.

Beside it the floor: `pytest` with one test that puts an object into moto's S3. Both load no other plugins. Prints one
JSON object, medians in seconds. ``python -m benchmarks.own_project [ROUNDS]``
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("First", "Second", "Third")
HANDLER = "def handler(event, context):\n    return {**event, __name__: True}\n"
TEST = (
    "import pytest\n\n\n@pytest.mark.local\ndef test_it_runs(run):\n"
    '    assert run("Machine", {"n": 1}).status == "SUCCEEDED"\n'
)
FLOOR = (
    "import boto3\nfrom moto import mock_aws\n\n\n@mock_aws\ndef test_it_keeps():\n"
    '    s3 = boto3.client("s3", region_name="us-east-1")\n    s3.create_bucket(Bucket="kept")\n'
    '    s3.put_object(Bucket="kept", Key="k", Body=b"v")\n'
    '    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"v"\n'
)
PLUGINS = ("-p", "harness.testing.plugin", "-p", "harness.testing.asl_plugin")


def main(rounds: int) -> None:
    """Measure *rounds* of each in turn, after one of each that compiles what is imported."""
    with tempfile.TemporaryDirectory() as folder:
        own, floor = Path(folder) / "own", Path(folder) / "floor"
        write_project(own)
        _write(floor / "test_floor.py", FLOOR)
        seconds: dict[str, list[float]] = {"own": [], "floor": []}
        for number in range(rounds + 1):
            for name, project, arguments in (("own", own, PLUGINS), ("floor", floor, ())):
                took = _pytest(project, arguments)
                if number:
                    seconds[name].append(took)
    print(json.dumps({name: statistics.median(found) for name, found in seconds.items()}))


def write_project(folder: Path) -> None:
    """Write the project into *folder*."""
    states = {
        name: {"Type": "Task", "Resource": f"${{{name}Arn}}", "Next": following} if following else
        {"Type": "Task", "Resource": f"${{{name}Arn}}", "End": True}
        for name, following in zip(NAMES, (*NAMES[1:], ""), strict=True)
    }  # fmt: skip
    functions = {
        name: {
            "Type": "AWS::Serverless::Function",
            "Properties": {"CodeUri": name.lower(), "Handler": "app.handler", "Runtime": "python3.12"},
        }
        for name in NAMES
    }
    machine = {
        "Type": "AWS::Serverless::StateMachine",
        "Properties": {
            "Definition": {"StartAt": NAMES[0], "States": states},
            "DefinitionSubstitutions": {f"{name}Arn": {"Fn::GetAtt": [name, "Arn"]} for name in NAMES},
            "Policies": [{"LambdaInvokePolicy": {"FunctionName": {"Ref": name}}} for name in NAMES],
        },
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {**functions, "Machine": machine}}
    _write(folder / "template.yaml", json.dumps(template))
    _write(folder / "test_machine.py", TEST)
    for name in NAMES:
        _write(folder / name.lower() / "app.py", HANDLER)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _pytest(folder: Path, arguments: tuple[str, ...]) -> float:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    # Without compiled files, which are what a user has, each run would compile both anew.
    environment = {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": ""}
    began = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return took


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
