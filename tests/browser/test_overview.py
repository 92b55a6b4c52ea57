"""The list of executions: sorted and filtered in place; what is away, gone or stopped is said."""

import json
import socket
import subprocess

import boto3
import pytest
from playwright.sync_api import expect

from harness.project.executions import start, wait
from tests.browser.test_mounted import client
from tests.emulator.test_command import HARNESS, clean_environment

pytestmark = pytest.mark.browser
DEFINITION = {
    "StartAt": "Hold",
    "States": {"Hold": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "End"}, "End": {"Type": "Succeed"}},
}

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def machine(machine_of):
    """A machine with more executions than a screen is high; the slowest is neither the newest nor the oldest."""
    machine, states = machine_of(DEFINITION), boto3.client("stepfunctions")
    for number in range(40):
        given = json.dumps({"seconds": 1 if number == 20 else 0})
        arn = states.start_execution(stateMachineArn=machine, name=f"run-{number:02}", input=given)["executionArn"]
        wait(states, arn)
    return machine


def test_it_is_sorted_and_filtered_without_losing_ones_place(open_page, machine):
    page = open_page(f"/?machine={machine}")
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator(".rows .name a").first).to_have_text("run-39")
    page.evaluate("scrollTo(0, 120)")
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Took").click()
    expect(page.locator(".rows .name a").first).to_have_text("run-20")
    assert page.evaluate("[window.same, scrollY]") == [True, 120]
    page.get_by_role("link", name="Execution", exact=True).click()
    expect(page.locator(".rows .name a").first).to_have_text("run-39")
    page.get_by_role("link", name="Execution", exact=True).click()
    expect(page.locator(".rows .name a").first).to_have_text("run-00")
    expect(page.get_by_role("columnheader", name="Execution")).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Started").select_option("60")
    expect(page.locator("#list-title")).to_have_text("40 executions that fit")
    expect(page.locator(".rows .name a").first).to_have_text("run-00")  # the order stays
    assert page.evaluate("[window.same, scrollY]") == [True, 120]
    page.go_back()
    expect(page.locator(".rows .name a").first).to_have_text("run-39")
    assert page.evaluate("window.same")


def test_it_is_sorted_on_a_telephone_too(open_page, machine):
    page = open_page(f"/?machine={machine}", width=390)
    expect(page.locator(".rows .name a").first).to_have_text("run-39")
    page.get_by_label("Order").select_option("slowest first")
    expect(page.locator(".rows .name a").first).to_have_text("run-20")
    page.get_by_label("Name contains").fill("run-0")
    expect(page.locator("#list-title")).to_have_text("10 executions that fit")
    assert "sort=-took" in page.url  # the order stays


def test_who_stopped_one_says_why_and_the_list_tells(open_page, machine, shoot):
    page = open_page(f"/executions/{start(boto3.client('stepfunctions'), machine, {'seconds': 600})}")
    page.get_by_label("Why it is stopped").fill("the input was wrong")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".verdict")).to_contain_text("the input was wrong")
    silent = start(boto3.client("stepfunctions"), machine, {"seconds": 600})
    boto3.client("stepfunctions").stop_execution(executionArn=silent)
    page = open_page(f"/?machine={machine}&status=ABORTED")
    expect(page.locator(".rows")).to_contain_text(
        "AmazonSageMaker-ExecutionRole/SageMaker stopped it: Stopped from the dashboard: the input was wrong"
    )
    expect(page.locator(".rows")).to_contain_text("SageMaker stopped it, without a reason")
    shoot(page, "executions-stopped")


@pytest.fixture
def emulator(tmp_path):
    """Starts an emulator, again on the same port; gives its address and what kills it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = []

    def up():
        process = subprocess.Popen(
            [*HARNESS, "up", "--port", str(port)],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        for line in process.stdout:
            if "Stop it" in line:
                break
        return f"http://127.0.0.1:{port}"

    def kill():
        running[-1].kill()
        running[-1].wait()

    yield up, kill
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.expects("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|Failed to load|status of 502|network error")
def test_an_emulator_that_is_away_and_one_that_has_forgotten(emulator, open_page, shoot):
    up, kill = emulator
    url = up()
    states = client("stepfunctions", url)
    role = client("iam", url).create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name="gone", definition=definition, roleArn=role)["stateMachineArn"]
    for _ in range(3):
        states.start_execution(stateMachineArn=machine)
    page = open_page("/_harness/dashboard/", base=url)
    expect(page.locator("h1")).to_contain_text("3 executions")
    expect(page.locator("#away")).to_be_hidden()
    kill()
    expect(page.locator("#away")).to_contain_text("The server does not answer.")
    shoot(page, "away")
    up()
    expect(page.locator("#away")).to_be_hidden(timeout=20_000)
    expect(page.locator("h1")).to_have_text("Nothing is deployed yet")
    expect(page.locator("#anew")).to_contain_text("The emulator was started anew.")
    expect(page.locator("#anew")).to_contain_text("3 of the executions that were here before are gone")
    shoot(page, "started-anew")
    page.get_by_role("button", name="I see").click()
    expect(page.locator("#anew")).to_be_hidden()
