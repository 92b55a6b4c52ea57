"""The whole demo by clicks: what a person sees who has never seen AWS."""

import json
import re

import boto3
import pytest
from playwright.sync_api import expect
from werkzeug import Response

from harness.emulator.door.server import HttpServer
from harness.project.executions import run, start

from .conftest import served

pytestmark = pytest.mark.browser

THRESHOLD = 0.93


@pytest.fixture
def begin(open_page, scones):
    """Opens the page from which the workflow is started."""
    return lambda: open_page(f"/?tab=start&machine={scones.state_machine_arn}")


def choose(page, key):
    page.get_by_role("radio", name=key.rpartition("/")[2], exact=True).check()
    expect(page.locator("[data-chosen]")).to_contain_text(key)
    page.get_by_role("button", name="Start", exact=True).click()


def box(page, name):
    return page.locator(f'svg [data-state="{name}"]')


def test_a_sure_picture_succeeds(begin, scones, pictures, shoot):
    page = begin()
    choose(page, max(pictures, key=pictures.get))
    expect(page.locator(".verdict")).to_contain_text("succeeded")
    for state in ("serializeImageData", "ClassifyImageData", "CheckThreshold"):
        expect(box(page, f"Lambda Invoke({state})")).to_have_class(re.compile("SUCCEEDED"))
        expect(box(page, f"Lambda Invoke({state})")).to_contain_text("succeeded")  # not by colour alone
    expect(page.locator(".headline img")).to_have_js_property("naturalWidth", 32)
    box(page, "Lambda Invoke(ClassifyImageData)").click()
    step = page.locator(".step", has_text="Lambda Invoke(ClassifyImageData)")
    expect(step.locator("details").first).to_have_attribute("open", "")
    expect(step.get_by_label("Output of Lambda Invoke(ClassifyImageData)")).to_contain_text('"statusCode": 200')
    expect(step.locator("[data-logs] pre")).to_contain_text("START RequestId")
    shoot(page, "execution-succeeded")


def test_an_unsure_picture_fails_and_the_page_says_why(begin, scones, pictures, shoot):
    page = begin()
    key = min(pictures, key=pictures.get)
    choose(page, key)
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("failed: the model was not sure enough: confidence 0.")
    expect(verdict).to_contain_text(f"threshold {THRESHOLD}")
    expect(page.locator("main")).to_contain_text("It failed in the step Lambda Invoke(CheckThreshold).")
    expect(box(page, "Lambda Invoke(CheckThreshold)")).to_have_class(re.compile("FAILED"))
    step = page.locator(".step.FAILED")
    expect(step.locator("[data-logs] pre")).to_contain_text("[ERROR] ThresholdConfidenceNotMet")
    shown = step.locator("pre").all_inner_texts()
    assert not any("stackTrace" in text for text in shown)  # decoded; the raw text is a click away
    step.get_by_text("As the service says it").click()
    expect(step.locator(".notice pre")).to_contain_text("stackTrace")
    shoot(page, "execution-failed", full=True)
    page.get_by_role("link", name="Executions").first.click()
    expect(page.locator(".why")).to_contain_text("failed because the model was not sure enough")
    page.locator(".why a").first.click()
    expect(page.locator(".rows .row").nth(1)).to_contain_text("failed")
    expect(page.locator(".rows .status.SUCCEEDED")).to_have_count(0)


def test_a_picture_is_dropped(begin, scones, pictures, root):
    page = begin()
    expect(page.locator(".choice").first).to_be_visible()
    data = boto3.client("s3").get_object(Bucket=scones.bucket, Key=max(pictures, key=pictures.get))["Body"].read()
    page.evaluate(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
            document.querySelector("[data-drop]").dispatchEvent(
                new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        list(data),
    )
    expect(page.locator("[data-chosen]")).to_have_text("with mine.png")
    expect(page.locator(".choice.own img")).to_have_js_property("naturalWidth", 32)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".verdict")).to_contain_text("succeeded")
    expect(page.locator("h1")).to_have_text(re.compile(r"^[0-9a-f]{12}\.png$"))


@pytest.mark.expects("status of 400")
def test_what_is_no_picture_is_refused_in_words(begin, scones, pictures):
    page = begin()
    wrong = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    page.locator("input[type=file]").set_input_files(wrong)
    expect(page.get_by_role("alert")).to_have_text("notes.txt cannot be taken: the file is no PNG or JPEG picture.")
    page.locator("summary", has_text="Input, as JSON").click()
    page.locator("textarea").fill("{")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("It was not started: The input is not JSON")


def test_states_turn_live_and_a_reload_loses_nothing(begin, scones, pictures, control, shoot):
    control.post("faults", {"function": "classifyImageData", "latency": 4})
    try:
        page = begin()
        expect(page.locator(".notice")).to_contain_text("1 fault is switched on")
        choose(page, max(pictures, key=pictures.get))
        second = box(page, "Lambda Invoke(ClassifyImageData)")
        expect(second).to_have_class(re.compile("RUNNING"))
        expect(page.locator(".verdict")).to_contain_text("running: in the step Lambda Invoke(ClassifyImageData)")
        expect(page.locator("#not-reached")).to_have_text("Not reached yet: Lambda Invoke(CheckThreshold).")
        shoot(page, "execution-running")
        before = page.url
        page.reload()
        assert page.url == before
        expect(second).to_have_class(re.compile("RUNNING"))
        page.evaluate("window.same = true")
        box(page, "Lambda Invoke(serializeImageData)").click()
        running = page.locator(".step", has_text="ClassifyImageData").locator("summary").first
        running.focus()
        expect(page.locator("#said")).to_contain_text("Lambda Invoke(CheckThreshold)")  # said to a screen reader
        expect(second).to_have_class(re.compile("SUCCEEDED"))
        expect(page.locator(".verdict")).to_contain_text("succeeded")
        expect(running).to_contain_text("succeeded")
        # Not by a reload: what was opened is open, where the focus was it is.
        assert page.evaluate("window.same")
        first = page.locator(".step", has_text="serializeImageData").locator("details").first
        expect(first).to_have_attribute("open", "")
        assert page.evaluate("document.activeElement.closest('.step')?.textContent").startswith("\n")
    finally:
        control.delete("faults")


def test_executions_that_others_start_appear(open_page, scones, pictures):
    page = open_page()
    expect(page.locator("#live")).to_have_text("Live")
    count = int(re.match(r"[\d,]+", page.locator("h1").inner_text())[0].replace(",", ""))
    run(
        scones.session.client("stepfunctions"),
        scones.state_machine_arn,
        scones.event(next(iter(pictures))),
    )
    expect(page.locator("h1")).to_contain_text(f"{count + 1} execution")


def test_a_fault_is_switched_on_and_off(open_page, scones, pictures, control, shoot):
    page = open_page("/faults")
    toggle = page.get_by_role("switch", name="Function thresholdImageData fails")
    expect(toggle).to_have_attribute("aria-checked", "false")
    toggle.click()
    try:
        expect(page.locator("h1")).to_have_text("1 fault is switched on")
        expect(toggle).to_have_attribute("aria-checked", "true")
        expect(toggle.locator(".state")).to_have_text("on")  # it has the focus, and changes all the same
        key = max(pictures, key=pictures.get)
        states = scones.session.client("stepfunctions")
        result = run(states, scones.state_machine_arn, scones.event(key))
        assert result.error == "FaultFromTheDashboard"
        expect(page.locator(".victim", has_text="thresholdImageData")).to_contain_text("struck 1×")
        shoot(page, "faults")
        toggle.click()
        expect(page.locator("h1")).to_have_text("No fault is switched on")
        assert control.get("faults")["faults"] == []
        assert run(states, scones.state_machine_arn, scones.event(key)).succeeded
    finally:
        control.delete("faults")


def test_the_threshold_is_moved(open_page, scones, pictures, control, shoot):
    control.flush()
    page = open_page("/captures")
    words = page.locator("#passed")
    expect(words).to_contain_text("would pass")
    data = page.evaluate("fetch(document.querySelector('#captures').dataset.source).then((a) => a.json())")
    confidences = data["confidence"]
    assert len(confidences) >= len(pictures)

    def said(limit):
        passing = sum(value > limit for value in confidences)
        return f"{passing} of {len(confidences)} ("

    expect(words).to_contain_text(said(THRESHOLD))
    expect(page.locator("#right")).to_contain_text("Accuracy of what passes: ")
    assert page.locator("#density rect").count() > 3
    shoot(page, "captures")
    images = page.locator("#unsure img").evaluate_all("(images) => images.map((image) => image.src)")
    assert len(set(images)) == len(images)
    page.get_by_label("Threshold", exact=True).fill("0.7")
    expect(words).to_contain_text("Above 0.700, " + said(0.7))
    page.get_by_label("Threshold, as a number").fill("0.975")
    expect(words).to_contain_text("Above 0.975, " + said(0.975))
    page.get_by_role("button", name="Back to 0.93").click()
    expect(words).to_contain_text(said(THRESHOLD))
    over = page.locator("#chart .u-over").bounding_box()
    page.mouse.click(over["x"] + 3, over["y"] + over["height"] * 0.6)  # beside all marks
    expect(words).not_to_contain_text("Above 0.930,")
    table = page.locator("#classes tr").all_inner_texts()
    assert sum(int(n) for row in table for n in re.findall(r"\t(\d+)(?=\t)", row)) == len(confidences)


def test_a_capture_leads_to_its_execution(open_page, scones, pictures, control):
    ran = run(
        scones.session.client("stepfunctions"), scones.state_machine_arn, scones.event(max(pictures, key=pictures.get))
    )
    control.flush()
    page = open_page("/captures")
    source = page.locator("#captures").get_attribute("data-source")
    confidence = max(pictures.values())
    moment = max(
        time
        for time, sure in page.evaluate(
            "(source) => fetch(source).then((a) => a.json()).then((d) => d.time.map((t, i) => [t, d.confidence[i]]))",
            source,
        )
        if sure == confidence
    )
    page.goto(f"{page.url.partition('/captures')[0]}/captures/execution?time={moment}&confidence={confidence}")
    expect(page.locator("main")).to_contain_text(ran.name)


def test_endpoints(open_page, scones, pictures, shoot):
    page = open_page("/endpoints")
    card = page.locator(".card", has_text="scones-browser")
    expect(card).to_contain_text("InService: it answers. Its answers are its model's.")
    expect(card).to_contain_text("100%")
    shoot(page, "endpoints")
    card.get_by_role("link", name="To the captures").click()
    expect(page.locator("#passed")).to_contain_text("would pass")


@pytest.mark.expects("status of 403")
def test_a_page_that_only_shows_starts_nothing(open_page, clients, scones, pictures):
    with served(clients) as (url, _):
        page = open_page("/?tab=start", base=url)
        expect(page.locator("main")).to_contain_text("This page only shows.")
        expect(page.get_by_role("button", name="Start", exact=True)).to_have_count(0)
        refused = page.evaluate("fetch('/start', { method: 'POST', body: '{}' }).then((a) => a.status)")
        assert refused == 403
        page.goto(f"{url}/faults")
        expect(page.get_by_role("switch").first).to_be_disabled()


@pytest.mark.expects("status of 403|blocked by CORS|net::ERR_|^asked .*/start$|^asked http[^?]*/$|favicon")
def test_another_web_page_cannot_drive_it(open_page, site, scones, pictures):
    states = scones.session.client("stepfunctions")
    arn = scones.state_machine_arn
    before = len(states.list_executions(stateMachineArn=arn, maxResults=1000)["executions"])
    elsewhere = HttpServer(Response("<h1>a page</h1>", content_type="text/html"), "127.0.0.1", 0)  # another port
    elsewhere.start()
    try:
        page = open_page(base=elsewhere.url)
        body = json.dumps({"machine": arn, "input": "{}"})
        said = page.evaluate(
            """async ([site, body]) => {
                const said = [];
                for (const mode of ["cors", "no-cors"]) {
                    for (const type of ["text/plain", "application/json"]) {
                        try {
                            const headers = mode === "cors" ? { "Content-Type": type } : {};
                            const a = await fetch(site + "/start", { method: "POST", mode, body, headers });
                            said.push(a.type === "opaque" ? "opaque" : a.status);
                        } catch { said.push("blocked"); }
                    }
                }
                try { said.push((await fetch(site + "/")).status); } catch { said.push("blocked"); }
                return said;
            }""",
            [site, body],
        )
        assert said == ["blocked"] * 5
    finally:
        elsewhere.stop()
    assert len(states.list_executions(stateMachineArn=arn, maxResults=1000)["executions"]) == before


def test_any_state_machine_is_drawn_and_a_waiting_one_goes_on(open_page, machine_of, shoot):
    inner = {"StartAt": "In", "States": {"In": {"Type": "Wait", "Seconds": 1, "End": True}}}
    machine = machine_of(
        {
            "StartAt": "Which?",
            "States": {
                "Which?": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.items", "IsPresent": True, "Next": "Both"}],
                    "Default": "No",
                },
                "No": {"Type": "Fail", "Error": "Nothing"},
                "Both": {
                    "Type": "Parallel",
                    "End": True,
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "No"}],
                    "Branches": [
                        {
                            "StartAt": "Each",
                            "States": {
                                "Each": {
                                    "Type": "Map",
                                    "ItemsPath": "$.items",
                                    "End": True,
                                    "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inner},
                                }
                            },
                        },
                        {"StartAt": "Beside", "States": {"Beside": {"Type": "Pass", "End": True}}},
                    ],
                },
            },
        }
    )
    arn = start(boto3.client("stepfunctions"), machine, {"items": [1, 2, 3]})
    page = open_page(f"/executions/{arn}")
    for name in ("Which?", "No", "Both", "Each", "In", "Beside"):
        expect(box(page, name)).to_be_visible()
    expect(box(page, "In")).to_contain_text("3 × succeeded")
    expect(page.locator(".verdict")).to_have_text("succeeded")
    # What is inside is drawn inside, and nothing over anything else.
    boxes = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll('svg [data-state]')].map((g) => {
            const r = g.querySelector('.frame').getBoundingClientRect();
            return [g.dataset.state, [r.left, r.top, r.right, r.bottom]];
        }))"""
    )

    def inside(a, b):
        a, b = boxes[a], boxes[b]
        return a[0] > b[0] and a[1] > b[1] and a[2] < b[2] and a[3] < b[3]

    def apart(a, b):
        a, b = boxes[a], boxes[b]
        return a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]

    assert inside("In", "Each") and inside("Each", "Both") and inside("Beside", "Both")
    assert apart("Beside", "Each") and apart("No", "Both") and apart("Which?", "Both")
    shoot(page, "nested", full=True)
