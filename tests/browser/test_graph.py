"""The drawing of an execution: zoomed, fitted, moved, searched and followed, also of a machine of 150 states."""

import re
import uuid

import boto3
import pytest
from playwright.sync_api import expect

from harness.project.executions import run, start
from tests.waiting import until

pytestmark = pytest.mark.browser
LEAST = 11
STATES = 150


def long_machine(count=STATES):
    """States one after the other; some are choices that lead to a failure, some wait."""
    states = {}
    for number in range(count):
        name, after = f"State {number:03}", f"State {number + 1:03}"
        if number == count - 1:
            states[name] = {"Type": "Succeed"}
        elif number % 10 == 5:
            rule = {"Variable": "$.stop", "NumericEquals": number, "Next": "Broken"}
            states[name] = {"Type": "Choice", "Choices": [rule], "Default": after}
        elif number % 10 == 7:
            states[name] = {"Type": "Wait", "SecondsPath": "$.seconds", "Next": after}
        else:
            states[name] = {"Type": "Pass", "Next": after}
    states["Broken"] = {"Type": "Fail", "Error": "Broken", "Cause": "It was asked to."}
    return {"StartAt": "State 000", "States": states}


@pytest.fixture
def machine(machine_of):
    return machine_of(long_machine())


@pytest.fixture
def failed(open_page, machine):
    """The page of an execution that fails late."""
    ended = run(boto3.client("stepfunctions"), machine, {"stop": 125, "seconds": 0})

    def opened(**given):
        page = open_page(f"/executions/{ended.arn}", **given)
        page.wait_for_selector("svg .box.FAILED")
        return page

    return opened


def box(page, name):
    return page.locator(f'[data-graph] [data-state="{name}"]')


def in_sight(page, name):
    """Whether a box is inside of the drawing's place."""
    return page.evaluate(
        """(name) => {
            const place = document.querySelector("[data-graph]").getBoundingClientRect();
            const box = document.querySelector(`[data-graph] [data-state="${name}"] .frame`).getBoundingClientRect();
            return box.top >= place.top && box.bottom <= place.bottom && box.left >= place.left;
        }""",
        name,
    )


def label(page):
    """Pixels of the smallest label, as it is seen."""
    return page.evaluate(
        """() => {
            const text = document.querySelector("[data-graph] .box .told");
            return parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
        }"""
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_what_failed_is_in_sight_and_can_be_read(failed, shoot, width):
    page = failed(width=width)
    assert in_sight(page, "Broken")
    assert label(page) >= LEAST
    expect(page.locator("[data-map]")).to_be_visible()
    shoot(page, f"graph-150-{width}")
    page.get_by_role("button", name="Fit").click()
    assert label(page) < LEAST
    expect(page.locator("[data-small]")).to_contain_text("labels are smaller than 11 pixels")
    assert in_sight(page, "State 000") and in_sight(page, "State 149")
    shoot(page, f"graph-150-fit-{width}")
    page.locator("[data-zoom=actual]").click()
    expect(page.locator("[data-small]")).to_be_hidden()
    assert label(page) >= LEAST


def test_a_small_one_fits_and_can_be_read(open_page, machine_of):
    ended = run(boto3.client("stepfunctions"), machine_of(long_machine(7)), {"stop": 0, "seconds": 0})
    page = open_page(f"/executions/{ended.arn}")
    page.wait_for_selector("svg .box.SUCCEEDED")
    assert label(page) >= LEAST
    assert in_sight(page, "State 000") and in_sight(page, "State 006")
    expect(page.locator("[data-map]")).to_be_hidden()
    expect(page.locator("[data-small]")).to_be_hidden()


def test_a_state_is_found_by_its_name(failed):
    page = failed()
    page.keyboard.press("/")
    find = page.get_by_label("Find a state")
    expect(find).to_be_focused()
    find.fill("state 07")
    expect(page.locator("[data-found]")).to_have_text("1 of 10")
    assert in_sight(page, "State 070")
    expect(box(page, "State 075")).to_have_class(re.compile("found"))
    expect(box(page, "State 080")).not_to_have_class(re.compile("found"))
    for _ in range(9):
        page.keyboard.press("Enter")
    expect(page.locator("[data-found]")).to_have_text("10 of 10")
    assert in_sight(page, "State 079")
    find.fill("nowhere")
    expect(page.locator("[data-found]")).to_have_text("none")


def test_it_is_zoomed_and_moved_by_keys_and_by_mouse(failed):
    page = failed()
    place = page.locator("[data-graph]")
    place.focus()
    page.keyboard.press("-")
    expect(page.locator("[data-zoom=actual]")).to_have_text("80 %")
    page.keyboard.press("0")
    expect(page.locator("[data-zoom=actual]")).to_have_text("100 %")
    page.keyboard.press("+")
    expect(page.locator("[data-zoom=actual]")).to_have_text("125 %")
    page.keyboard.press("f")
    expect(page.locator("[data-small]")).to_be_visible()
    page.keyboard.press("0")

    def top():
        return place.evaluate("(place) => place.scrollTop")

    place.evaluate("(place) => place.scrollTo(0, 3000)")
    opened = page.locator(".step details[open]").count()
    at = place.bounding_box()
    middle = at["x"] + at["width"] / 2
    page.mouse.move(middle, at["y"] + 300)
    page.mouse.down()
    page.mouse.move(middle, at["y"] + 100, steps=5)
    page.mouse.up()
    assert top() == 3200
    assert page.locator(".step details[open]").count() == opened  # a drag is no click
    map_ = page.locator("[data-map]").bounding_box()
    page.mouse.click(map_["x"] + map_["width"] / 2, map_["y"] + 2)
    assert top() == 0


@pytest.fixture
def worked(machine_of):
    """A machine with an activity at every tenth state, and what has the one that runs done."""
    states = boto3.client("stepfunctions")
    activity = states.create_activity(name=f"followed-{uuid.uuid4().hex[:8]}")["activityArn"]
    definition = long_machine(50)
    for number in (7, 17, 27, 37):
        after = f"State {number + 1:03}"
        definition["States"][f"State {number:03}"] = {"Type": "Task", "Resource": activity, "Next": after}

    def work():
        token = states.get_activity_task(activityArn=activity)["taskToken"]
        states.send_task_success(taskToken=token, output='{"stop": 0, "seconds": 0}')

    yield machine_of(definition), work
    states.delete_activity(activityArn=activity)


def test_what_runs_is_followed_until_the_reader_moves(open_page, worked):
    machine, work = worked
    states = boto3.client("stepfunctions")
    arn = start(states, machine, {"stop": 0, "seconds": 0})
    page = open_page(f"/executions/{arn}")
    follow = page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    work()
    expect(box(page, "State 017")).to_have_class(re.compile("RUNNING"))
    until(lambda: in_sight(page, "State 017"), 10)
    page.locator("[data-graph]").focus()
    page.keyboard.press("PageUp")
    expect(follow).to_have_attribute("aria-pressed", "false")
    page.locator("[data-graph]").evaluate("(place) => place.scrollTo(0, 0)")
    work()
    expect(box(page, "State 027")).to_have_class(re.compile("RUNNING"))
    assert in_sight(page, "State 000")
    follow.click()
    until(lambda: in_sight(page, "State 027"), 10)
    states.stop_execution(executionArn=arn)
    expect(follow).to_be_hidden()


def test_the_page_answers_while_a_large_machine_is_laid_out(failed):
    page = failed()
    took = page.evaluate(
        """async () => {
            const { draw } = await import(`${location.origin}/static/graph.js`);
            const { graph } = JSON.parse(document.querySelector("[data-graph-data]").textContent);
            let [last, longest, done] = [performance.now(), 0, false];
            const tick = () => {
                longest = Math.max(longest, performance.now() - last);
                last = performance.now();
                if (!done) setTimeout(tick);
            };
            const began = performance.now();
            setTimeout(tick);
            await draw(document.querySelector("[data-graph]"), graph);
            done = true;
            return { all: performance.now() - began, longest };
        }"""
    )
    print("150 states, ms:", {name: round(ms) for name, ms in took.items()})
    assert took["longest"] < took["all"]
