"""For everybody: keyboard alone, screen readers, dark and light, narrow screens."""

import json
import re
from importlib.resources import files

import boto3
import pytest
from playwright.sync_api import expect

from harness.project.executions import run
from tests.emulator.pictures import load, request
from tests.waiting import training_ended

pytestmark = pytest.mark.browser
PAGES = {
    "executions": "/",
    "start": "/?tab=start",
    "workflow": "/?tab=workflow",
    "functions": "/functions",
    "function": "/functions/classifyImageData",
    "buckets": "/buckets",
    "bucket": "/buckets/scones-unlimited-123456789012?prefix=test/",
    "roles": "/roles",
    "role": "/roles/scones-classify-image-data",
    "stacks": "/stacks",
    "stack": "/stacks/shown-stack",
    "jobs": "/jobs",
    "job": "/jobs/training/shown-job",
    "object": "/buckets/shown-training/object?key=train_lst/train.lst",
    "nowhere": "/functions/nowhere",
    "endpoints": "/endpoints",
    "captures": "/captures",
    "faults": "/faults",
}
READY = {
    "executions": ".row .status",
    "start": "[data-go]",
    "workflow": "svg .box",
    "endpoints": ".card",
    "captures": "#classes tr",
    "faults": ".victim",
}


@pytest.fixture(scope="module")
def failed(scones, pictures):
    """ARN of an execution that has failed."""
    states = scones.session.client("stepfunctions")
    return run(states, scones.state_machine_arn, scones.event(min(pictures, key=pictures.get))).arn


@pytest.fixture(scope="module")
def deployed_more(target):
    """A stack, and a training job with its bucket."""
    s3, stacks, sagemaker = boto3.client("s3"), boto3.client("cloudformation"), boto3.client("sagemaker")
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"T": {"Value": {"Ref": "Topic"}}}}
    stacks.create_stack(StackName="shown-stack", TemplateBody=json.dumps(topic))
    s3.create_bucket(Bucket="shown-training")
    load(s3, "shown-training")
    sagemaker.create_training_job(**request("shown-training", TrainingJobName="shown-job"))
    training_ended(sagemaker, "shown-job")
    yield
    stacks.delete_stack(StackName="shown-stack")


@pytest.fixture(scope="session")
def axe():
    """axe-core, which finds what keeps people out, as axe-playwright-python brings it."""
    return (files("axe_playwright_python") / "axe.min.js").read_text()


@pytest.fixture
def map_run(machine_of):
    """Address of a Map Run's page; one of its children failed."""
    definition = {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Sure",
                    "States": {
                        "Sure": {
                            "Type": "Choice",
                            "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "Unsure"}],
                            "Default": "Good",
                        },
                        "Unsure": {"Type": "Fail", "Error": "Unsure"},
                        "Good": {"Type": "Succeed"},
                    },
                },
                "End": True,
            }
        },
    }
    states = boto3.client("stepfunctions")
    ran = run(states, machine_of(definition), [1, 2, 3])
    return f"/map-runs/{states.list_map_runs(executionArn=ran.arn)['mapRuns'][0]['mapRunArn']}"


def looks(open_page, failed, map_run, scheme, width):
    for name, path in {**PAGES, "map-run": map_run}.items():
        page = open_page(path, scheme=scheme, width=width)
        page.wait_for_selector(READY.get(name, "h1"))
        yield f"{name}-{scheme}-{width}", page
        page.close()
    page = open_page(f"/executions/{failed}", scheme=scheme, width=width)
    page.wait_for_selector("svg .box.FAILED")
    page.wait_for_selector(".step.FAILED [data-logs] pre")
    yield f"execution-{scheme}-{width}", page
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.expects("status of 404")
def test_each_page_fits_and_shuts_nobody_out(
    open_page, failed, map_run, deployed_more, control, shoot, axe, scheme, width
):
    control.flush()
    found = {}
    for name, page in looks(open_page, failed, map_run, scheme, width):
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], name
        shoot(page, name, full=True)
        # Through the debugger: the page's own policy lets no script in.
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert len(result["passes"]) > 10, name  # it did look
        for violation in result["violations"]:
            nodes = [(node["target"], node["failureSummary"]) for node in violation["nodes"][:3]]
            found.setdefault(violation["id"], []).append((name, nodes))
    assert not found, json.dumps(found, indent=1)


def press_until(page, selector, key="Tab", most=120):
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("(s) => document.activeElement?.matches(s)", selector):
            return
    raise AssertionError(f"{selector} is not reached")


def test_the_demo_with_the_keyboard_alone(open_page, scones, pictures):
    page = open_page(f"/?tab=start&machine={scones.state_machine_arn}")
    expect(page.locator(".choice").first).to_be_attached()
    page.keyboard.press("Tab")
    expect(page.get_by_text("To the content")).to_be_focused()
    press_until(page, ".choice input")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".choice input:checked")).to_have_count(1)
    press_until(page, "[data-go]")
    seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert seen != "none"
    page.keyboard.press("Enter")
    expect(page.locator(".verdict .status")).to_have_text(re.compile("succeeded|failed"))
    press_until(page, "svg a")
    page.keyboard.press("Enter")
    expect(page.locator(".step summary").first).to_be_focused()
    expect(page.locator(".step details").first).to_have_attribute("open", "")
    page.goto(page.url.partition("/executions")[0] + "/captures")
    expect(page.locator("#passed")).to_contain_text("would pass")
    before = page.locator("#passed").inner_text()
    press_until(page, "#threshold")
    page.keyboard.press("PageDown")
    expect(page.locator("#passed")).not_to_have_text(before)
    page.goto(page.url.replace("/captures", "/faults"))
    press_until(page, "[role=switch]")
    page.keyboard.press("Space")
    expect(page.locator("h1")).to_have_text("1 fault is switched on")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "switch"  # the focus stays
    page.keyboard.press("Space")
    expect(page.locator("h1")).to_have_text("No fault is switched on")


def test_a_drawing_has_a_text_that_tells_the_same(open_page, failed):
    page = open_page(f"/executions/{failed}")
    page.wait_for_selector("svg .box.FAILED")
    drawn = page.locator("svg .box > a").evaluate_all("(links) => links.map((a) => a.getAttribute('aria-label'))")
    listed = page.locator(".steps .step").evaluate_all(
        "(steps) => steps.map((s) => [s.querySelector('.title').textContent, s.querySelector('.status').textContent])"
    )
    assert [text.split(", ")[0] for text in drawn] == [name.strip() for name, _ in listed]
    assert [text.split(", ")[2] for text in drawn] == [status.strip() for _, status in listed]


def test_without_its_scripts_the_page_still_tells(browser, site, failed):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site)
    expect(page.locator("h1")).to_contain_text("failed")
    page.locator("select[name=status]").select_option("FAILED")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".rows .status.SUCCEEDED")).to_have_count(0)
    page.goto(f"{site}/executions/{failed}")
    expect(page.locator(".step.FAILED .inside > pre").first).to_be_visible()
    context.close()
