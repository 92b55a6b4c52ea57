"""Where the page is served: by `harness dashboard`, and on the emulator's own port."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
from werkzeug import Response
from werkzeug.test import Client

from harness.dashboard.mount import MountedDashboard
from harness.emulator.door.gateway import Gateway
from harness.emulator.faults import Faults
from harness.emulator.stepfunctions.clock import Clock
from tests.emulator.test_command import HARNESS, clean_environment, emulator
from tests.waiting import hear

LOOPBACK = "http://127.0.0.1:4566"


@pytest.fixture
def gateway():
    return Gateway("us-east-1", lambda request: Response(f"aws {request.path}"), Faults(Clock()))


@pytest.fixture
def mounted(gateway, target):
    if target.control_url is None:
        pytest.skip("the page is mounted on emulators")
    gateway.page = MountedDashboard.beside(target.control_url, target.environment, "127.0.0.1")
    yield Client(gateway)
    gateway.page.close()


def test_the_page_is_made_when_it_is_asked_for(mounted, gateway):
    assert gateway.page._page is None
    mounted.get("/bucket/key", base_url=LOOPBACK)
    assert gateway.page._page is None
    answer = mounted.get("/_harness/dashboard/", base_url=LOOPBACK)
    assert answer.status_code == 200
    assert gateway.page._page is not None


def test_an_express_machine_whose_executions_nobody_lists_is_shown(mounted, role):
    states = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    made = states.create_state_machine(name="quick", type="EXPRESS", definition=definition, roleArn=role)
    try:
        assert mounted.get("/_harness/dashboard/", base_url=LOOPBACK).status_code == 200
    finally:
        states.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_its_addresses_are_below_where_it_is_mounted(mounted):
    for path in ("/_harness/dashboard", "/_harness/dashboard/", "/_harness/dashboard/endpoints"):
        answer = mounted.get(path, base_url=LOOPBACK)
        assert answer.status_code == 200
        asked = re.findall(r'(?:href|src|action)="(/[^"]*)"', answer.text)
        assert asked and all(address.startswith("/_harness/dashboard/") for address in asked)
        assert f"script-src {LOOPBACK}/_harness/dashboard/static/;" in answer.headers["Content-Security-Policy"]
    assert mounted.get("/_harness/dashboard/static/page.js", base_url=LOOPBACK).status_code == 200


def test_it_is_guarded_there_too(mounted):
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert mounted.get("/_harness/dashboard/", base_url=LOOPBACK, headers=headers).status_code == 403
    assert mounted.post("/_harness/dashboard/start", base_url=LOOPBACK, json={}).status_code == 403


def test_what_else_is_below_the_prefix_is_not_the_pages(mounted):
    assert mounted.get("/_harness/dashboards", base_url=LOOPBACK).text.startswith("aws ")


@pytest.mark.parametrize(
    ("host", "control"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)]
)
def test_it_drives_only_what_listens_on_this_machine_alone(target, host, control):
    assert MountedDashboard.beside(LOOPBACK, target.environment, host)._control is control


def test_a_browser_runs_no_scripts_out_of_a_bucket(mounted):
    headers = {"Sec-Fetch-Dest": "document"}
    assert mounted.get("/bucket/a.html", base_url=LOOPBACK, headers=headers).headers["Content-Security-Policy"] == (
        "sandbox"
    )
    assert "Content-Security-Policy" not in mounted.get("/bucket/a.html", base_url=LOOPBACK).headers


def test_the_page_loads_nothing_heavy():
    heavy = "{'pandas', 'numpy', 'PIL', 'matplotlib', 'sagemaker', 'moto'}"
    program = f"import harness.dashboard.app, sys; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_files_of_others_are_as_they_made_them(root):
    folder = root / "harness" / "dashboard" / "static" / "vendor"
    said = dict(
        reversed(line.split()) for line in re.findall(r"^[0-9a-f]{64}  .+$", (folder / "README.md").read_text(), re.M)
    )
    there = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.suffix in (".js", ".css")}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == said
    assert all(list(path.parent.glob("LICENSE*")) for path in there.values())


def test_the_command_serves_the_page_and_it_only_shows(tmp_path):
    with emulator(tmp_path):
        process = subprocess.Popen(
            [*HARNESS, "dashboard", "--port", "0"],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            url = hear(process, r"(http://\S+) .*It only shows; --control lets it start executions\.")[1]
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert "Nothing is deployed yet" in answer.read().decode()
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{url}/start", data=b"{}", timeout=30)
            assert refused.value.code == 403
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait(20)
