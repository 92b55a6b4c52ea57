"""State files: plain data that comes back as it was, or is refused by name."""

import json
import math
import os
import stat
from datetime import UTC, datetime

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.moto.records import KIND, moto_records, restore_moto
from harness.emulator.process.records import DamagedError, Record, read_records, write_records
from harness.emulator.process.state import StateError, StateFolder

SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.datetimes(timezones=st.just(UTC))
FLOATS = st.floats(allow_nan=False)
KEYS = st.text(max_size=5) | st.just("$bytes") | st.integers()
DATA = st.recursive(
    SCALARS | FLOATS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.text(max_size=8), DATA), max_size=4))
def test_data_comes_back_as_it_was(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("records") / "file"
    records = [Record("kind", key, data) for key, data in pairs]
    write_records(path, {}, records)
    assert read_records(path) == records


def test_large_bytes_lie_in_files_of_their_own_and_go_when_nothing_names_them(tmp_path):
    path, large = tmp_path / "file", os.urandom(10_000)
    write_records(path, {}, [Record("a", "b", [large, large])])
    (content,) = (tmp_path / "contents").iterdir()
    written = content.stat().st_mtime_ns
    write_records(path, {}, [Record("a", "b", large)])
    assert content.stat().st_mtime_ns == written
    assert read_records(path)[0].data == large
    write_records(path, {}, [])
    assert not list((tmp_path / "contents").iterdir())


@given(where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_a_changed_byte_is_refused(tmp_path_factory, where, change):
    path = tmp_path_factory.mktemp("records") / "file"
    write_records(path, {"format": "2"}, [Record("s3", "one", {"a": b"bytes"}), Record("iam", "two", [1, None])])
    data = bytearray(path.read_bytes())
    data[math.floor(where * len(data))] ^= change
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        read_records(path)


def test_what_is_damaged_is_named(tmp_path):
    path = tmp_path / "file"
    write_records(path, {}, [Record("s3", "one", 1), Record("iam", "two", os.urandom(5000)), Record("x", "y", 2)])
    (content,) = (tmp_path / "contents").iterdir()
    content.write_bytes(b"else")
    with pytest.raises(DamagedError, match="of iam two is not as it was written"):
        read_records(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(DamagedError, match="has 2 records and says 3"):
        read_records(path)
    path.write_bytes(b"".join((lines[0], lines[1], lines[3], lines[2])))
    with pytest.raises(DamagedError):
        read_records(path)


def test_what_could_not_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    write_records(path, {}, [Record("a", "b", 1)])
    before = path.read_bytes()
    with pytest.raises(TypeError, match="a object is no data"):
        write_records(path, {}, [Record("a", "b", object())])
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_state_folder_is_nobody_elses(tmp_path):
    state = StateFolder(tmp_path / "state")
    state.save([Record("a", "b", os.urandom(5000))])
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*") if path.is_file()} == {0o600}
    folders = [tmp_path / "state", tmp_path / "state" / "contents"]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    with pytest.raises(StateError, match="another emulator"):
        StateFolder(tmp_path / "state")
    state.close()


NAMES = [
    "subprocess:Popen",
    "os:system",
    "builtins:eval",
    "moto.s3.models:threading.Thread",
    "moto.s3.models:threading",
    "moto.s3.models:os",
    "moto.s3.models:no_such",
    "moto.awslambda.models:LambdaFunction",
    "moto.core.models:subprocess.Popen",
    "harness.emulator.emulator:Emulator",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_record_makes_nothing_but_motos_own_resources(target, name):
    data = [["dict", [["buckets", {"at": 1}]]], ["object", name, [], None]]
    with pytest.raises(DamagedError, match="has no place in a record"):
        restore_moto("123456789012", Record(KIND, "s3/aws", data))


@pytest.mark.parametrize(
    "data",
    [[], [["dict", [["a", {"at": 7}]]]], [["list", []]], [["strange"]], None, [["pattern", "(", 0]], [["tuple"]]],
)
def test_a_record_that_is_none_is_refused(target, data):
    with pytest.raises(DamagedError, match="moto s3/aws"):
        restore_moto("123456789012", Record(KIND, "s3/aws", data))


TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def test_what_moto_keeps_comes_back(target, tmp_path):
    s3, iam, logs = boto3.client("s3"), boto3.client("iam"), boto3.client("logs")
    s3.create_bucket(Bucket="records")
    s3.put_bucket_versioning(Bucket="records", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"old", b"x" * 9000):
        s3.put_object(Bucket="records", Key="k", Body=body, Metadata={"a": "b"}, Tagging="t=u")
    s3.delete_object(Bucket="records", Key="k")
    s3.put_bucket_lifecycle_configuration(
        Bucket="records",
        LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]},
    )
    upload = s3.create_multipart_upload(Bucket="records", Key="parts")["UploadId"]
    s3.upload_part(Bucket="records", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    iam.create_role(RoleName="records", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])
    logs.create_log_group(logGroupName="/records")
    logs.create_log_stream(logGroupName="/records", logStreamName="s")

    def told():
        asked = [
            s3.list_object_versions(Bucket="records"),
            s3.get_bucket_lifecycle_configuration(Bucket="records"),
            s3.list_parts(Bucket="records", Key="parts", UploadId=upload),
            s3.get_object(Bucket="records", Key="k", VersionId=version)["Body"].read(),
            iam.get_role(RoleName="records")["Role"],
            logs.describe_log_streams(logGroupName="/records"),
        ]
        return [{**one, "ResponseMetadata": 0} if isinstance(one, dict) else one for one in asked]

    version = s3.list_object_versions(Bucket="records")["Versions"][0]["VersionId"]
    before = told()
    path = tmp_path / "file"
    write_records(path, {}, moto_records("123456789012"))
    records = read_records(path)
    s3.abort_multipart_upload(Bucket="records", Key="parts", UploadId=upload)
    for one in s3.list_object_versions(Bucket="records")["Versions"]:
        s3.delete_object(Bucket="records", Key="k", VersionId=one["VersionId"])
    iam.delete_role(RoleName="records")
    logs.delete_log_group(logGroupName="/records")
    for record in records:
        restore_moto("123456789012", record)
    assert told() == before
    s3.complete_multipart_upload(
        Bucket="records",
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": before[2]["Parts"][0]["ETag"]}]},
    )
    assert s3.get_object(Bucket="records", Key="parts")["Body"].read() == b"part"
    assert datetime.now(UTC) >= s3.head_object(Bucket="records", Key="parts")["LastModified"]
    found = s3.list_object_versions(Bucket="records")
    for one in (*found["Versions"], *found["DeleteMarkers"]):
        s3.delete_object(Bucket="records", Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket="records")
    iam.delete_role(RoleName="records")
    logs.delete_log_group(logGroupName="/records")
