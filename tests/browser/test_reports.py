"""The reports in a browser: on a desk and on a telephone, light and dark, for everybody, and on paper."""

import json
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from click.testing import CliRunner

from harness.capture import plots
from harness.capture.report import ReportRow, write_report
from harness.cli import main
from harness.evaluation.model import Evaluation, Prediction
from harness.evaluation.report import page as evaluation_page
from harness.testing.asl_coverage import MachineCoverage
from harness.testing.asl_report import write_html
from tests.capture.making import png, write_hours
from tests.capture.pictures import frame

pytestmark = pytest.mark.browser
MADE = datetime(2026, 1, 2, tzinfo=UTC)
REPORTS = ("demo", "monitor", "evaluation", "coverage")


def _demo(path):
    rows = [
        ReportRow(f"bicycle_{n}.png", png(n), "motorcycle" if n == 3 else "bicycle", 0.9 + n / 100, status, error, 0.04)
        for n in range(8)
        for status, error in [("SUCCEEDED", "") if n > 3 else ("FAILED", "ThresholdConfidenceNotMet")]
    ]
    rows[3] = ReportRow("bicycle_3.png", png(3), "motorcycle", 0.9304, "SUCCEEDED", "", 0.05, truly="bicycle")
    figures = [("Confidence over time.", plots.confidence_over_time(frame(), threshold=0.93))]
    figures.append(("Predictions by class.", plots.predictions_by_class(frame(), threshold=0.93)))
    facts = [("State machine", "arn:aws:states:us-east-1:123456789012:stateMachine:ImageClassificationStateMachine")]
    write_report(
        path, title="A run", rows=rows, plots=figures, facts=facts, stubs=["Drawn."], threshold=0.93, made=MADE
    )


def _monitor(path):
    write_hours(path.parent / "captures")
    arguments = ["monitor", str(path.parent / "captures"), "--output", str(path.parent / "monitored")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    (path.parent / "monitored" / "report.html").rename(path)


def _evaluation(path):
    predictions = tuple(
        Prediction(
            f"test/{n % 30}-{n}.png",
            "sure" if n % 3 else "unsure",
            n % 2,
            (1 - p, p) if n % 2 or n == 8 else (p, 1 - p),
        )
        for n in range(60)
        for p in [0.94 + n / 1000 if n % 3 else 0.6 + n / 1000]
    )
    evaluation = Evaluation("s3://bucket/test.lst", 0.93, predictions, {"Status": "SUCCEEDED"})
    path.write_text(evaluation_page(evaluation, None, lambda p: png(int(p.name.partition("-")[0])), MADE))


def _coverage(path, root):
    coverage = MachineCoverage("Batch", json.loads((root / "statemachine" / "image_batch.asl.json").read_text()))
    for number, item in enumerate(coverage.counts):
        coverage.counts[item] = number % 3
    write_html([coverage], path, 90)


@pytest.fixture(scope="module")
def reports(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    _demo(folder / "demo.html")
    _monitor(folder / "monitor.html")
    _evaluation(folder / "evaluation.html")
    _coverage(folder / "coverage.html", root)
    return folder


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_reports_fit_every_screen_and_keep_nobody_out(browser, reports, shoot, name, scheme, width):
    axe = (files("axe_playwright_python") / "axe.min.js").read_text()
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page, asked = context.new_page(), []
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or asked.append(request.url))
    page.goto((reports / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first = page.evaluate("document.querySelector('h1 ~ section').className")
    assert first in ("verdict pass", "verdict watch", "verdict fail")
    shoot(page, f"report-{name}-{scheme}-{width}", full=True)
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 10
    told = [
        (each["id"], [(node["target"], node["failureSummary"]) for node in each["nodes"][:3]])
        for each in found["violations"]
    ]
    assert told == [] and asked == []
    context.close()


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_cut_off_on_paper(browser, reports, name):
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.emulate_media(media="print")
    page.goto((reports / f"{name}.html").as_uri())
    outside = page.evaluate(
        "[...document.querySelectorAll('td, th, img, svg.machine')]"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert outside == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


def test_wrong_predictions_are_marked_and_no_image_is_shown_twice(browser, reports):
    page = browser.new_page()
    page.goto((reports / "demo.html").as_uri())
    assert "wrong: bicycle" in page.locator("tr.wrong").inner_text()
    assert "0.9304" in page.locator("tr.wrong").inner_text()  # 0.930 would not exceed the threshold
    page.goto((reports / "evaluation.html").as_uri())
    shown = page.locator(".gallery img").evaluate_all("(images) => images.map((image) => image.src)")
    assert len(shown) == len(set(shown)) > 10
    assert page.locator(".gallery").inner_text().count("× 2") > 5
    page.close()
