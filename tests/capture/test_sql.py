"""Athena's queries, word for word, in DuckDB: they answer what the captures say when they are read here."""

import base64
import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.capture.athena import QUERIES, query, table_ddl
from harness.capture.batches import read_frame
from harness.capture.local_sql import run_query
from harness.capture.places import FolderPlace
from harness.capture.selection import Selection
from tests.capture.making import START, key_of, line, write_hours

pytest.importorskip("duckdb", reason="DuckDB is not installed: pip install 'aws-ml-harness[captures]'")

LIMIT = 0.93


def answers(name, folder, selection=Selection(), **named):  # noqa: B008
    return run_query(query(name, threshold=LIMIT, selection=selection, **named), folder)


def agrees(folder, selection=Selection()):  # noqa: B008
    """Every query answers what the frame of the same folder holds; gives the frame."""
    frame, skipped = read_frame(FolderPlace(folder), selection, threshold=LIMIT)
    known = frame[frame["confidence"].notna()]
    hours = known.assign(hour=known["time"].dt.strftime("%Y-%m-%dT%H"), variant=known["variant"].fillna("-"))
    expected = hours.groupby(["variant", "hour"])["passed"].agg(["size", "sum"]).reset_index()
    found = answers("hours", folder, selection)
    assert found["variant"].fillna("-").tolist() == expected["variant"].tolist()
    assert found["inference_hour"].tolist() == expected["hour"].tolist()
    assert found["predictions"].tolist() == expected["size"].tolist()
    assert found["not_above"].tolist() == (expected["size"] - expected["sum"]).tolist()
    assert found["share_not_above"].tolist() == pytest.approx((1 - expected["sum"] / expected["size"]).tolist())
    classes = answers("classes", folder, selection)
    means = known.groupby("predicted")["confidence"].agg(["size", "mean"])
    assert classes["predicted"].tolist() == means.index.tolist()
    assert classes["predictions"].tolist() == means["size"].tolist()
    assert classes["mean_confidence"].tolist() == pytest.approx(means["mean"].tolist())
    steps = known.assign(step=(known["confidence"] * 50).astype(int)).groupby(["step", "predicted"]).size()
    histogram = answers("histogram", folder, selection)
    counted = zip(histogram["step"], histogram["predicted"], histogram["predictions"], strict=True)
    assert list(counted) == [(step, number, count) for (step, number), count in steps.items()]
    least = known.sort_values(["confidence", "event_id"]).head(3)
    unsure = answers("unsure", folder, selection, limit=3)
    assert unsure["eventid"].tolist() == least["event_id"].tolist()
    assert unsure["confidence"].tolist() == least["confidence"].tolist()
    assert unsure["predicted"].tolist() == least["predicted"].tolist()
    if selection == Selection():
        lost = answers("unreadable", folder)
        assert lost["lines"].sum() == len(skipped)
    return frame


def test_real_captures(real_data):
    assert len(agrees(real_data / "aws-truth" / "capture")) == 12


def test_variants_hours_and_answers_are_selected_alike(tmp_path):
    write_hours(tmp_path)
    since = START.replace(minute=2) + timedelta(hours=1)
    for selection, count in (
        (Selection(), 40),
        (Selection(variants=frozenset({"blue"})), 20),
        (Selection(since=since, until=since + timedelta(hours=1)), 10),
        (Selection(min_confidence=0.7, max_confidence=0.9, classes=frozenset({1})), None),
    ):
        frame = agrees(tmp_path, selection)
        assert len(frame) == count or (count is None and 0 < len(frame) < 40)


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.lists(st.floats(0, 1), max_size=4).map(json.dumps),
                st.sampled_from(["[true]", '["a"]', '["0.5"]', "{}", "text", "[[0.5, 0.5]]", " [0.1,\n0.9] ", "7", ""]),
                st.none(),
            ),
            st.booleans(),
        ),
        max_size=8,
    )
)
@settings(deadline=None, max_examples=8)
def test_whatever_a_model_answers(tmp_path_factory, outputs):
    folder = tmp_path_factory.mktemp("captures")
    lines = []
    for number, (output, packed) in enumerate(outputs):
        packed = packed and output is not None
        text = base64.b64encode(output.encode()).decode() if packed else output
        lines.append(line(number, text, "BASE64" if packed else "JSON", time=START + timedelta(seconds=number)))
    path = folder / key_of(START, "a")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(lines) + b"no record\n")
    agrees(folder)


def test_output_that_is_not_the_base64_it_claims_to_be_spoils_no_query(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(line(1) + line(2, "!!!", "BASE64") + line(3, "//79", "BASE64"))
    assert answers("classes", tmp_path)["predictions"].tolist() == [1]


def test_a_folder_without_captures_answers_nothing(tmp_path):
    for name in QUERIES:
        assert len(answers(name, tmp_path)) == 0


def test_the_table_projects_its_partitions_from_the_layout_of_keys():
    text = table_ddl("captures", "s3://bucket/data_capture/my-endpoint/", ["blue", "green"])
    assert "'storage.location.template' = 's3://bucket/data_capture/my-endpoint/${variant}/${hour}'" in text
    assert "'projection.variant.values' = 'blue,green'" in text
    assert "'projection.hour.format' = 'yyyy/MM/dd/HH'" in text


@pytest.mark.parametrize(
    ("table", "uri", "variants"),
    [
        ("a b", "s3://b/p", ["v"]),
        ("a;drop", "s3://b/p", ["v"]),
        ("t", "/folder", ["v"]),
        ("t", "s3://b/'", ["v"]),
        ("t", "s3://b/p", []),
        ("t", "s3://b/p", ["v','x"]),
    ],
)
def test_names_that_cannot_stand_in_sql_are_refused(table, uri, variants):
    with pytest.raises(ValueError):
        table_ddl(table, uri, variants)
