"""Captures of any size: batches say what records say, whatever the files hold and however they are read."""

import base64
import gzip
import io
import json
import tracemalloc
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture import batches, decoding
from harness.capture.batches import Details, parse_stream, read_batches, read_frame
from harness.capture.places import CaptureFile, FolderPlace
from harness.capture.records import CaptureRecord, Payload, parse_file, probabilities_of, read_folder, to_frame
from harness.capture.selection import Selection, read_time
from tests.capture.making import START, line, record, side, write_hours

EVERYTHING = Details(probabilities=True, image=True)
OUTPUTS = ["[0.25, 0.75]", "[1, 0]", " [0.5,0.5]\n", "[]", "{}", "text", "[true]", '["0.5"]', "[[0.5, 0.5]]", "0.5"]


def whole_files():
    """Files of good and bad lines, in every encoding, compressed or not, whole or cut off."""
    good = st.builds(
        lambda number, output, encoding: line(
            number, base64.b64encode(output.encode()).decode() if encoding == "BASE64" else output, encoding
        ),
        st.integers(0, 1000),
        st.sampled_from(OUTPUTS),
        st.sampled_from(["JSON", "CSV", "BASE64"]),
    )
    bad = st.sampled_from(
        [b"\n", b"\r\n", b"7\n", b"{}\n", b'{"captureData"\n', b"\xff\n", b"[1] [2]\n", line(1, None)]
    )
    return st.builds(
        lambda parts, cut, packed: _packed(b"".join(parts), packed)[: -cut or None],
        st.lists(st.one_of(good, bad), max_size=12),
        st.integers(0, 30),
        st.booleans(),
    )


def _packed(data, packed):
    return gzip.compress(data) if packed else data


@given(whole_files(), st.sampled_from([16, 200, 1 << 20]))
@settings(deadline=None)
def test_batches_hold_what_records_hold_and_lose_no_line(data, block):
    before, decoding.read_blocks.__defaults__ = decoding.read_blocks.__defaults__, (block,)
    try:
        found = list(parse_stream(io.BytesIO(data), CaptureFile("file", len(data), None, None), EVERYTHING))
    finally:
        decoding.read_blocks.__defaults__ = before
    items = list(parse_file("file", data))
    records = [item for item in items if isinstance(item, CaptureRecord)]
    skipped = [item for item in items if not isinstance(item, CaptureRecord)]
    assert [item for batch in found for item in batch.skipped] == skipped
    assert [event for batch in found for event in batch.event_id] == [item.event_id for item in records]
    assert [number for batch in found for number in batch.line.tolist()] == [item.line for item in records]
    assert [values for batch in found for values in batch.probabilities] == [item.probabilities() for item in records]
    expected = to_frame(records, 0.6)
    for column in ("confidence", "predicted", "passed", "image"):
        assert _plain(value for batch in found for value in batch.to_frame(0.6)[column]) == _plain(expected[column])


def _plain(values):
    return [None if pd.isna(value) else value for value in values]


def test_a_broken_line_is_named_by_file_and_line_and_the_rest_is_kept(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(line(1) + b"not json\n" + line(2) + line(3)[:40])
    found = list(read_batches(FolderPlace(tmp_path)))
    assert [number for batch in found for number in batch.line.tolist()] == [1, 3]
    skipped = [(item.source, item.line) for batch in found for item in batch.skipped]
    assert skipped == [("a.jsonl", 2), ("a.jsonl", 4)]


def test_two_records_on_one_line_are_no_record(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(line(1).rstrip() + line(2) + line(3))
    (batch,) = read_batches(FolderPlace(tmp_path))
    assert batch.line.tolist() == [2] and [item.line for item in batch.skipped] == [1]


def test_real_captures_read_the_same_both_ways(real_data):
    folder = real_data / "aws-truth" / "capture"
    frame, skipped = read_frame(FolderPlace(folder), threshold=0.93)
    expected = to_frame(read_folder(folder).records, 0.93)
    assert skipped == []
    for column in ("time", "event_id", "predicted", "confidence", "passed", "source", "line"):
        assert frame[column].tolist() == expected[column].tolist()


def test_processes_read_what_one_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "TOGETHER", 2000)
    monkeypatch.setattr(batches, "_WORTHWHILE", 0)
    lines = [line(number, json.dumps([number / 100, 1 - number / 100])) for number in range(100)]
    lines[50] = b"broken\n"
    (tmp_path / "large.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[:30])))
    for number in range(5):
        (tmp_path / f"small-{number}.jsonl").write_bytes(b"".join(lines[:3]))
    assert len(list(batches._together(list(FolderPlace(tmp_path).files())))) > 3
    together = _columns(read_batches(FolderPlace(tmp_path), processes=2))
    assert together == _columns(read_batches(FolderPlace(tmp_path), processes=1))
    assert ("large.jsonl", 51, "skipped") in together and len(together) == 100 + 30 + 15


def _columns(found):
    rows = []
    for batch in found:
        rows += [
            (batch.source, number, event) for number, event in zip(batch.line.tolist(), batch.event_id, strict=True)
        ]
        rows += [(item.source, item.line, "skipped") for item in batch.skipped]
    return sorted(rows)


def test_memory_does_not_grow_with_what_is_read(tmp_path):
    image = bytes(3000)
    data = b"".join(line(number, image=image) for number in range(2000))
    (tmp_path / "one.jsonl").write_bytes(data)
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        assert sum(len(batch) for batch in read_batches(FolderPlace(tmp_path))) in (2000, 12_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        with (tmp_path / "one.jsonl").open("ab") as stream:
            for _ in range(5):
                stream.write(data)
    assert peaks[1] < 1.5 * peaks[0] < 20e6


def test_selections_keep_what_they_say(tmp_path):
    count = write_hours(tmp_path)
    place = FolderPlace(tmp_path)

    def chosen(**conditions):
        return sum(len(batch) for batch in read_batches(place, Selection(**conditions)))

    assert chosen() == count == 40
    assert chosen(variants=frozenset({"blue"})) == 20
    since = START.replace(minute=2) + timedelta(hours=1)
    assert chosen(since=since) == 2 * (3 + 5 + 5)
    assert chosen(since=since, until=since + timedelta(minutes=2)) == 4
    frame, _ = read_frame(place, threshold=0.93)
    assert chosen(classes=frozenset({1})) == (frame["predicted"] == 1).sum()
    assert chosen(min_confidence=0.7, max_confidence=0.8) == frame["confidence"].between(0.7, 0.8).sum()


def test_only_the_hours_of_a_range_are_opened(tmp_path):
    write_hours(tmp_path)
    since = START.replace(minute=30) + timedelta(hours=2)
    files = list(FolderPlace(tmp_path).files(Selection(since=since, until=since + timedelta(hours=1))))
    # One hour earlier than asked for: a file is named by its first record.
    assert {file.hour.hour for file in files} == {23, 0, 1}
    assert {file.variant for file in files} == {"blue", "green"}


@pytest.mark.parametrize("text", ["yesterday", "", "5 parsecs", "2026-13-01"])
def test_times_that_are_none_are_named(text):
    with pytest.raises(ValueError, match="is no time: expected"):
        read_time(text)


def test_times_are_utc_unless_they_say_otherwise():
    assert read_time("2026-01-02T03:04") == read_time("2026-01-02T05:04+02:00")
    assert START - read_time("90m", START) == timedelta(minutes=90)
    with pytest.raises(ValueError, match="no time lies between"):
        Selection(since=START, until=START)


def test_inputs_are_read_in_every_encoding(tmp_path):
    document = record(1)
    document["captureData"]["endpointInput"] = side("INPUT", "text/csv", "1,2,3", "CSV")
    (tmp_path / "a.jsonl").write_text(json.dumps(document))
    (batch,) = read_batches(FolderPlace(tmp_path), details=EVERYTHING)
    assert (batch.image, batch.encoding, batch.content_type) == (["1,2,3"], ["CSV"], ["text/csv"])


@pytest.mark.parametrize("data", ["[" * 50_000, "[1" + "0" * 400 + "]", '{"a":' * 50_000])
def test_an_answer_that_is_no_list_of_numbers_stops_nothing(data):
    assert probabilities_of(Payload("application/json", "JSON", data)) is None
