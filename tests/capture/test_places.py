"""Where captures lie: buckets, endpoints, folders; what is listed, downloaded and followed."""

import io
import json
import uuid
from contextlib import nullcontext
from datetime import timedelta

import boto3
import pytest
from click.testing import CliRunner
from rich.console import Console

from harness.capture.batches import Details, read_batches
from harness.capture.commands import print_tail
from harness.capture.export import export
from harness.capture.places import FolderPlace, bucket_place, find_place
from harness.capture.selection import Selection
from harness.capture.transfer import download, follow
from harness.cli import main
from tests.capture.making import START, key_of, line, write_hours


@pytest.fixture
def captures(tmp_path, bucket, s3):
    """Ten hours and two variants of captures below an endpoint's folder, in a folder and in a bucket."""
    write_hours(tmp_path / "my-endpoint", hours=10, each=2)
    for path in tmp_path.rglob("*.jsonl"):
        s3.put_object(Bucket=bucket, Key=f"data_capture/{path.relative_to(tmp_path)}", Body=path.read_bytes())
    return tmp_path / "my-endpoint"


@pytest.fixture
def standing(target, monkeypatch):
    """The session's target in place of an emulator that was started for this folder."""
    monkeypatch.setattr("harness.targets.open_standing_target", lambda settings: nullcontext(target))


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_only_the_hours_of_a_range_are_listed(captures, bucket, s3):
    place = bucket_place(s3, f"s3://{bucket}/data_capture")
    asked = []
    s3.meta.events.register("before-call.s3.ListObjectsV2", lambda params, **_: asked.append(params["query_string"]))
    since = START.replace(minute=30) + timedelta(hours=5)
    selection = Selection(since=since, until=since + timedelta(minutes=10), variants=frozenset({"blue"}))
    files = list(place.files(selection))
    assert {file.hour.hour for file in files} == {2, 3} and {file.variant for file in files} == {"blue"}
    hours = [query["prefix"] for query in asked if query["prefix"].count("/") == 7]
    # Of the first day, of which there are two hours, none is looked at.
    assert len(hours) == 4 and all("/2026/01/02/0" in prefix for prefix in hours)
    asked.clear()
    assert len(list(place.files())) == 20 and len(asked) == 1


def test_every_level_of_the_layout_can_be_named(captures, bucket, s3):
    for below, count in (
        ("", 20),
        ("data_capture", 20),
        ("data_capture/my-endpoint/blue", 10),
        ("data_capture/my-endpoint/blue/2026/01/01", 2),
        ("data_capture/my-endpoint/blue/2026/01/01/22", 1),
    ):
        place = bucket_place(s3, f"s3://{bucket}/{below}")
        assert len(list(place.files())) == len(list(place.files(Selection(since=START - timedelta(days=9))))) == count
    # A prefix that only begins a folder's name is not that folder.
    assert list(bucket_place(s3, f"s3://{bucket}/data_cap").files()) == []


def test_a_download_is_whole_is_taken_up_again_and_reads_the_same(captures, bucket, s3, tmp_path):
    place, there = bucket_place(s3, f"s3://{bucket}/data_capture"), tmp_path / "there"
    first = download(place, there, Selection(variants=frozenset({"green"})))
    assert (first.files, first.present) == (10, 0)
    progress = []
    second = download(place, there, progress=lambda done, total: progress.append((done, total)))
    assert (second.files, second.present) == (10, 10)
    assert progress[-1] == (second.bytes, second.bytes)
    assert not list(there.rglob("*.part"))
    remote = sorted(event for batch in read_batches(place) for event in batch.event_id)
    assert remote == sorted(event for batch in read_batches(FolderPlace(there)) for event in batch.event_id)
    assert len(remote) == 40


def test_a_download_that_breaks_off_leaves_no_half_file(captures, bucket, s3, tmp_path, monkeypatch):
    place = bucket_place(s3, f"s3://{bucket}/data_capture")

    def breaks(source, copy):
        copy.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr("harness.capture.transfer.copyfileobj", breaks)
    with pytest.raises(OSError, match="disk is full"):
        download(place, tmp_path / "there")
    assert [path for path in (tmp_path / "there").rglob("*") if path.is_file()] == []


def test_keys_that_lead_out_of_the_folder_are_refused(bucket, s3, tmp_path):
    s3.put_object(Bucket=bucket, Key="../../outside.jsonl", Body=line())
    with pytest.raises(ValueError, match="outside of"):
        download(bucket_place(s3, f"s3://{bucket}"), tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_what_appears_is_followed_and_nothing_is_told_twice(bucket, s3):
    place = bucket_place(s3, f"s3://{bucket}")
    looks = []

    def look():
        looks.append(len(looks))
        s3.put_object(Bucket=bucket, Key=key_of(START, f"file-{len(looks)}"), Body=line(len(looks)) + line(99))
        return len(looks) > 3

    found = [event for batch in follow(place, Selection(), stop=look, sleep=lambda _: None) for event in batch.event_id]
    assert found == [f"00000000-0000-4000-8000-{number:012d}" for number in (1, 99, 2, 99, 3, 99)]


def test_a_file_that_grows_is_read_on_and_its_unfinished_line_waited_for(tmp_path):
    path = tmp_path / "a.jsonl"
    whole = [line(1), line(2)[:30], line(2)[30:] + b"never finished", b""]
    path.write_bytes(b"")
    looks = []

    def look():
        if not whole:
            return True
        looks.append(1)
        with path.open("ab") as stream:
            stream.write(whole.pop(0))
        return False

    told = list(follow(FolderPlace(tmp_path), Selection(), stop=look, sleep=lambda _: None))
    assert [number for batch in told for number in batch.line.tolist()] == [1, 2]
    assert [item.line for batch in told for item in batch.skipped] == [3]


def test_an_endpoint_is_named_and_its_captures_are_found(standing, bucket, s3):
    client, name = boto3.client("sagemaker"), f"capture-{uuid.uuid4().hex[:8]}"
    role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
    client.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "stub"})
    variant = {"VariantName": "blue", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/data_capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    for config, more in ((name, {"DataCaptureConfig": capture}), (f"{name}-none", {})):
        client.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant], **more)
        client.create_endpoint(EndpointName=config, EndpointConfigName=config)
    try:
        place, endpoint = find_place(name, boto3.Session())
        assert (place.name, endpoint.variants) == (f"s3://{bucket}/data_capture/{name}", ("blue",))
        sql = run("capture", "sql", "table", name)
        assert f"'{place.name}/${{variant}}/${{hour}}'" in sql.output and sql.exit_code == 0
        none = run("capture", "list", f"{name}-none")
        assert none.exit_code == 1 and "has no Data Capture" in none.output
    finally:
        for config in (name, f"{name}-none"):
            client.delete_endpoint(EndpointName=config)
            client.delete_endpoint_config(EndpointConfigName=config)
        client.delete_model(ModelName=name)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("no-such-endpoint", "neither a folder nor an endpoint 'no-such-endpoint'"),
        ("s3://no-such-bucket-of-ours/x", "NoSuchBucket"),
        ("no/such/folder", "there is no folder no/such/folder"),
        ("s3://", "is no S3 URI"),
    ],
)
def test_places_that_are_not_there_are_named_in_one_line(standing, location, says):
    found = run("capture", "list", location)
    assert found.exit_code == 1 and says in found.output
    assert len(found.output.splitlines()) == 1 and "Traceback" not in found.output


def test_listings_count_files_by_hour_and_variant(standing, captures, bucket):
    found = run("capture", "list", f"s3://{bucket}/data_capture", "--until", "2026-01-01T23:00")
    assert found.exit_code == 0, found.output
    assert [line_.split()[:3] for line_ in found.output.splitlines()[:2]] == [
        ["2026-01-01", "22:00", "blue"],
        ["2026-01-01", "22:00", "green"],
    ]
    last = found.output.splitlines()[-1]
    assert last.startswith("2 files, ") and last.endswith(f"in s3://{bucket}/data_capture")


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_records_are_written_alike_in_every_form(tmp_path, form):
    import pandas as pd

    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    write_hours(tmp_path / "captures")
    (tmp_path / "captures" / "extra.jsonl").write_bytes(line(900, "text") + b"broken\n" + line(901, inferenceId="i-1"))
    output = tmp_path / f"out.{form}"
    done = run("capture", "parse", tmp_path / "captures", "--output", output, "--images")
    assert done.exit_code == 0, done.output
    assert "skipped extra.jsonl, line 2: not a capture record" in done.output
    assert "42 records" in done.output and "1 line skipped" in done.output
    if form == "parquet":
        frame = duckdb.sql(f"SELECT * FROM '{output}'").df()
    else:
        frame = pd.read_json(output, lines=True) if form == "jsonl" else pd.read_csv(output)
    assert len(frame) == 42
    named = frame.set_index("event_id")
    assert named.loc["00000000-0000-4000-8000-000000000901", "inference_id"] == "i-1"
    assert pd.isna(named.loc["00000000-0000-4000-8000-000000000900", "confidence"])
    assert frame["confidence"].sum() == pytest.approx(_confidences(tmp_path / "captures"))
    assert pd.to_datetime(frame["time"], utc=True).min() == pd.Timestamp(START.replace(minute=0))
    assert frame["image"].str.len().min() > 5


def _confidences(folder):
    return sum(batch.confidence[batch.confidence > 0].sum() for batch in read_batches(FolderPlace(folder)))


def test_records_go_to_standard_output_unless_told_otherwise(tmp_path):
    write_hours(tmp_path)
    done = run("capture", "parse", tmp_path, "--class", "motorcycle", "--max-confidence", "0.9")
    rows = [json.loads(text) for text in done.stdout.splitlines()]
    assert rows and all(row["predicted"] == 1 and row["confidence"] <= 0.9 for row in rows)
    assert done.stderr.startswith(f"{len(rows)} records")
    table = CliRunner().invoke(main, ["capture", "parse", str(tmp_path), "--format", "csv"]).stdout
    assert table.splitlines()[0].startswith("time,event_id,") and len(table.splitlines()) == 41


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_an_export_that_breaks_off_leaves_the_old_file(tmp_path, form):
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    write_hours(tmp_path / "captures")
    output = tmp_path / f"out.{form}"
    output.write_text("old")

    def breaks():
        yield from read_batches(FolderPlace(tmp_path / "captures"), details=Details(probabilities=True))
        raise OSError("the network is gone")

    with pytest.raises(OSError, match="network"):
        export(breaks(), output, form, threshold=0.93)
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captures", output.name]


def test_an_unknown_form_is_named_and_a_class_too(tmp_path):
    write_hours(tmp_path / "captures")
    assert (
        "name the format with --format"
        in run("capture", "parse", tmp_path / "captures", "-o", tmp_path / "a.txt").output
    )
    assert "no such class: 'car'" in run("capture", "parse", tmp_path / "captures", "--class", "car").output


def test_the_tail_shows_the_latest_in_order(tmp_path):
    write_hours(tmp_path)
    out, errors = io.StringIO(), io.StringIO()
    print_tail(
        FolderPlace(tmp_path),
        Selection(),
        Console(file=out),
        Console(file=errors),
        lines=3,
        following=False,
        threshold=0.9,
    )
    times = [text.split()[0] for text in out.getvalue().splitlines()]
    assert times == ["2026-01-02T01:03:00Z", "2026-01-02T01:04:00Z", "2026-01-02T01:04:00Z"]
    nothing = run("capture", "tail", tmp_path, "--since", "1m")
    assert nothing.exit_code == 0 and "--since looks further back" in nothing.output
