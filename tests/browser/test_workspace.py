"""The workspace of an execution: its views, and what can be done from it."""

import json
import re
from importlib.resources import files

import boto3
import pytest
from playwright.sync_api import expect

from harness.project.executions import run, start

pytestmark = pytest.mark.browser

DEFINITION = {
    "StartAt": "Prepare",
    "States": {
        "Prepare": {"Type": "Pass", "Next": "Hold"},
        "Hold": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Each"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Look",
                "States": {
                    "Look": {
                        "Type": "Choice",
                        "Choices": [{"Variable": "$", "NumericGreaterThan": 2, "Next": "Too much"}],
                        "Default": "Fine",
                    },
                    "Fine": {"Type": "Pass", "End": True},
                    "Too much": {"Type": "Fail", "Error": "TooMuch", "Cause": "more than <b>two</b>"},
                },
            },
            "End": True,
        },
    },
}


@pytest.fixture
def machine(machine_of):
    return machine_of(DEFINITION)


def test_a_failed_one_is_run_again_with_another_input(open_page, machine):
    failed = run(boto3.client("stepfunctions"), machine, {"seconds": 0, "items": [1, 2, 3]})
    page = open_page(f"/executions/{failed.arn}")
    expect(page.locator(".verdict")).to_contain_text("TooMuch")
    page.get_by_text("Edit input and run").click()
    page.get_by_label("Input of the new execution").fill('{"seconds": 0, "items": [1]}')
    page.get_by_role("button", name="Run with this input").click()
    expect(page.locator(".verdict")).to_contain_text("succeeded")
    assert not page.url.endswith(failed.arn)


def test_from_the_list_to_another_run_it_takes_three_clicks(open_page, machine):
    failed = run(boto3.client("stepfunctions"), machine, {"seconds": 0, "items": [1, 2, 3]})
    page = open_page(f"/?machine={machine}")
    expect(page.locator(".why")).to_contain_text("1 failed with TooMuch: more than <b>two</b>")
    page.get_by_role("link", name=failed.name).click()
    expect(page.locator("main")).to_contain_text("It failed in the step Too much")
    page.get_by_text("Edit input and run").click()
    expect(page.get_by_label("Input of the new execution")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type('{"seconds": 0, "items": [1]}')
    page.get_by_role("button", name="Run with this input").click()
    expect(page.locator(".verdict")).to_contain_text("succeeded")
    page.go_back()
    expect(page.locator(".verdict")).to_contain_text("TooMuch")


def test_an_address_leads_to_a_step(open_page, machine):
    done = run(boto3.client("stepfunctions"), machine, {"seconds": 0, "items": [1]})
    page = open_page(f"/executions/{done.arn}?view=timeline")
    page.get_by_role("link", name="Hold").click()
    held = page.locator(".step", has=page.get_by_text("Hold", exact=True)).locator("details").first
    expect(held).to_have_attribute("open", "")
    page.get_by_text("Prepare", exact=True).last.click()
    assert "#step-" in page.url


@pytest.mark.expects("status of 400")
def test_an_input_that_is_no_json_is_refused_beside_the_button(open_page, machine):
    failed = run(boto3.client("stepfunctions"), machine, {"seconds": 0, "items": [3]})
    page = open_page(f"/executions/{failed.arn}")
    page.get_by_text("Edit input and run").click()
    page.get_by_label("Input of the new execution").fill("{")
    page.get_by_role("button", name="Run with this input").click()
    expect(page.locator("#act-problem")).to_contain_text("It was not started: The input is not JSON")


def test_a_running_one_is_stopped(open_page, machine):
    page = open_page(f"/executions/{start(boto3.client('stepfunctions'), machine, {'seconds': 600, 'items': []})}")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".verdict")).to_contain_text("Stopped from the dashboard")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_one_item_of_a_map_is_picked_and_its_data_followed(open_page, machine, shoot):
    failed = run(boto3.client("stepfunctions"), machine, {"seconds": 0, "items": [1, 2, 3]})
    page = open_page(f"/executions/{failed.arn}")
    expect(page.locator(".step")).to_have_count(9)
    page.get_by_label("Item of Each").select_option("0")
    expect(page.locator(".step")).to_have_count(5)
    expect(page.locator('[data-graph] [data-state="Too much"]')).not_to_have_class(re.compile("FAILED"))
    page.get_by_label("Item of Each").select_option("2")
    expect(page.locator('[data-graph] [data-state="Too much"]')).to_have_class(re.compile("FAILED"))
    step = page.locator(".step", has=page.get_by_text("Each", exact=True)).first
    step.get_by_text("Data flow").click()
    expect(step.get_by_label("After ItemsPath")).to_contain_text("3")
    expect(step.locator(".stages")).to_contain_text("$.items")
    shoot(page, "data-flow", full=True)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_view_is_kept_as_a_picture_and_shuts_nobody_out(open_page, machine, shoot, scheme, width, height):
    failed = run(boto3.client("stepfunctions"), machine, {"seconds": 1, "items": [1, 2, 3]})
    axe = (files("axe_playwright_python") / "axe.min.js").read_text()
    found = {}
    for view in ("graph", "timeline", "events", "definition"):
        page = open_page(f"/executions/{failed.arn}?view={view}", scheme=scheme, width=width, height=height)
        if view == "graph":
            page.wait_for_selector("svg .box.FAILED")
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], view
        shoot(page, f"workspace-{view}-{scheme}-{width}", full=True)
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        for violation in result["violations"]:
            found.setdefault(violation["id"], []).append((view, violation["nodes"][0]["failureSummary"]))
        page.close()
    assert not found, json.dumps(found, indent=1)
