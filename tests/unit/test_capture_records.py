"""Reading captures: every record of every file, and a word about every line that is none."""

import base64
import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture import plots
from harness.capture.records import CaptureRecord, Skipped, parse_file, read_folder, to_frame
from harness.capture.report import ReportRow, write_report
from harness.reporting.charts import save


def line(data="[0.25, 0.75]", image=b"image", event_id="e", time="2026-01-02T03:04:05Z", **metadata):
    record = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": base64.b64encode(image).decode(),
                "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": data,
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"eventId": event_id, **metadata, "inferenceTime": time},
        "eventVersion": "0",
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def test_real_captures_are_read_whole(real_data):
    captures = read_folder(real_data / "aws-truth" / "capture")
    assert (len(captures.records), captures.skipped) == (12, [])
    assert [record.time for record in captures.records] == sorted(record.time for record in captures.records)
    assert all(record.input.content().startswith(b"\x89PNG") for record in captures.records)
    frame = to_frame(captures.records, 0.93)
    assert frame["confidence"].round(4).tolist()[:3] == [0.935, 0.935, 0.935]
    assert frame["passed"].sum() == 7
    assert frame["predicted"].tolist().count(1) == 4


def test_the_threshold_is_that_of_the_settings_unless_given(real_data):
    records = read_folder(real_data / "aws-truth" / "capture").records
    assert to_frame(records)["passed"].tolist() == to_frame(records, 0.93)["passed"].tolist()
    assert to_frame(records, 0.99)["passed"].sum() == 3


@given(
    st.lists(
        st.tuples(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.binary(max_size=40), st.datetimes()), max_size=6
    ),
    st.booleans(),
)
@settings(deadline=None)
def test_what_is_written_is_read(items, compress):
    lines = []
    for number, (probabilities, image, time) in enumerate(items):
        stamp = f"{time.year:04d}" + time.strftime("-%m-%dT%H:%M:%SZ")
        lines.append(line(json.dumps(probabilities), image, f"event-{number}", stamp))
    data = b"".join(lines)
    records = list(parse_file("file", gzip.compress(data) if compress else data))
    assert len(records) == len(items)
    for number, (record, (probabilities, image, time)) in enumerate(zip(records, items, strict=True)):
        assert record.event_id == f"event-{number}"
        assert record.line == number + 1
        assert record.probabilities() == probabilities
        assert record.input.content() == image
        assert record.time == time.replace(microsecond=0, tzinfo=UTC)


def test_a_broken_last_line_is_reported_and_the_rest_kept():
    whole = line(event_id="one") + line(event_id="two")
    one, two, broken = parse_file("a.jsonl", whole + line()[:50])
    assert (one.event_id, two.event_id) == ("one", "two")
    assert (broken.source, broken.line) == ("a.jsonl", 3)
    assert "not a capture record" in broken.reason


def test_a_truncated_gzip_gives_what_it_has():
    compressed = gzip.compress(line(event_id="one")) + gzip.compress(line(event_id="two"))[:-6]
    found = list(parse_file("a.jsonl.gz", compressed))
    assert [item.event_id for item in found if isinstance(item, CaptureRecord)] == ["one", "two"]
    (skipped,) = [item for item in found if isinstance(item, Skipped)]
    assert skipped.reason.startswith("the compressed file is broken")


@pytest.mark.parametrize("text", [b"7", b"null", b"{}", b'{"captureData":{},"eventMetadata":{}}', b"\xff"])
def test_other_lines_are_skipped_with_a_reason(text):
    before, skipped, after = parse_file("a", line() + text + b"\n" + line())
    assert isinstance(before, CaptureRecord) and isinstance(after, CaptureRecord)
    assert skipped.line == 2


def test_blank_lines_and_windows_ends_do_no_harm():
    records = list(parse_file("a", line().replace(b"\n", b"\r\n") + b"\n\n" + line()))
    assert [record.line for record in records] == [1, 4]


@pytest.mark.parametrize("data", ["text", "{}", "[]", '["a"]', "[true]"])
def test_outputs_that_are_no_probabilities_have_no_confidence(data):
    frame = to_frame(parse_file("a", line(data)), 0.5)
    assert frame["confidence"].isna().all()
    assert not frame["passed"].any()


def test_one_sided_records_are_read():
    record = json.loads(line(inferenceId="i-1"))
    del record["captureData"]["endpointInput"]
    (read,) = parse_file("a", json.dumps(record).encode())
    assert read.input is None
    assert read.inference_id == "i-1"
    assert to_frame([read], 0.5)["image"].tolist() == [None]


def test_no_records_make_an_empty_frame_and_empty_plots(tmp_path):
    frame = to_frame([], 0.93)
    assert len(frame) == 0
    for plot in (plots.confidence_over_time, plots.predictions_by_class):
        assert save(plot(frame), tmp_path / "plot.png").stat().st_size > 1000


def test_plots_show_each_side_of_the_threshold():
    frame = to_frame(
        (r for p in ("[0.2, 0.8]", "[0.99, 0.01]", "[0.96, 0.04]") for r in parse_file("a", line(p))), 0.93
    )
    axes = plots.confidence_over_time(frame, threshold=0.93)
    above, below = axes.collections[:2]
    assert (len(above.get_offsets()), len(below.get_offsets())) == (2, 1)
    assert axes.lines[0].get_ydata()[0] == 0.93
    assert "probability" in axes.get_ylabel() and "UTC" in axes.get_xlabel()
    bars = plots.predictions_by_class(frame, threshold=0.93)
    heights = [[bar.get_height() for bar in container] for container in bars.containers]
    assert heights == [[2, 0], [0, 1]]


def test_the_report_is_one_page_that_fetches_nothing_and_escapes_everything(tmp_path):
    row = ReportRow("<b>.png", b"\x89PNG", "bicycle", 0.5, "FAILED", "<script>alert(1)</script>", 0.021)
    frame = to_frame(parse_file("a", line()), 0.93)
    page = write_report(
        tmp_path / "report.html",
        title="A <run>",
        rows=[row],
        plots=[("What it shows", plots.confidence_over_time(frame, threshold=0.93))],
        facts=[("Target", "embedded")],
        stubs=["The endpoint was a stub."],
        threshold=0.93,
        made=datetime(2026, 1, 2, tzinfo=UTC),
    ).read_text()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert 'src="http' not in page and "href=" not in page
    assert "The endpoint was a stub." in page
    assert 'alt="What it shows"' in page and 'lang="en"' in page
