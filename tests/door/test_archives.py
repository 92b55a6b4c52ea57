"""Packages and artifacts that are not what they say: refused in words, before memory is spent."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile

import pytest

from harness.emulator.door.errors import AwsError
from harness.emulator.lambda_.package import unpack
from harness.emulator.sagemaker.model_data import ModelDataError, fetch_model


class Bucket:
    """What fetch_model needs of an S3 client."""

    class exceptions:
        ClientError = KeyError

    def __init__(self, data):
        self._data = data

    def get_object(self, **_):
        return {"Body": io.BytesIO(self._data)}


def header(kind, size, name="x"):
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def nested():
    block = b"11 path=ab\n".ljust(512, b"\0")
    return (header(tarfile.XHDTYPE, 11) + block) * 2_000


TARS = {
    "a long header": header(tarfile.XHDTYPE, 2 << 30) + bytes(48 << 20),
    "a long name": header(tarfile.GNUTYPE_LONGNAME, 2 << 30) + bytes(48 << 20),
    "a long global header": header(tarfile.XGLTYPE, 2 << 30) + bytes(48 << 20),
    "a file that ends early": header(tarfile.REGTYPE, 100 << 20) + b"x" * 600,
    "more than there may be": header(tarfile.REGTYPE, 30 << 30) + b"x" * 600,
    "headers of headers": nested(),
    "a path elsewhere": header(tarfile.REGTYPE, 0, "../out") + bytes(1024),
    "a device": header(tarfile.CHRTYPE, 0, "null") + bytes(1024),
}


@pytest.mark.parametrize("kind", TARS)
def test_a_tar_that_is_none_is_refused_without_memory_for_it(tmp_path, kind):
    bucket = Bucket(gzip.compress(TARS[kind], 1))
    tracemalloc.start()
    try:
        with pytest.raises(ModelDataError):
            fetch_model(bucket, "s3://b/model.tar.gz", tmp_path / "model")
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", gzip.compress(b"no archive"), gzip.compress(b"x" * 2000)[:30]],
    ids=["nothing", "no archive", "no tar", "cut off"],
)
def test_what_is_no_tar_is_refused(tmp_path, data):
    with pytest.raises(ModelDataError, match="Failed to extract model data archive"):
        fetch_model(Bucket(data), "s3://b/model.tar.gz", tmp_path / "model")


def zipped(*entries, kind=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def with_directory_of(code, size):
    at = code.rfind(b"PK\5\6")
    return code[: at + 12] + struct.pack("<L", size) + code[at + 16 :]


def locked(code):
    at = code.rfind(b"PK\1\2")
    return code[: at + 8] + b"\1" + code[at + 9 :]


GOOD = zipped(("app.py", "def handler(event, context): pass\n" * 20))
ZIPS = {
    "nothing": b"",
    "no zip": b"no zip",
    "a file in a file": zipped(("a", "x"), ("a/b", "y")),
    "a folder that is a file": zipped(("a/b", "x"), ("a", "y")),
    "a long name": zipped(("n" * 5000, "x")),
    "another compression": zipped(("app.py", "x" * 100), kind=zipfile.ZIP_LZMA),
    "other bytes": GOOD.replace(GOOD[40:60], bytes(20), 1),
    "a long directory": with_directory_of(GOOD, 1 << 31),
    "zip64": with_directory_of(GOOD, 0xFFFFFFFF),
    "cut off": GOOD[:-30],
    "locked": locked(GOOD),
}


@pytest.mark.parametrize("kind", ZIPS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_package_that_cannot_be_is_refused(tmp_path, kind):
    with pytest.raises(AwsError) as refused:
        unpack(tmp_path / "task", ZIPS[kind])
    assert refused.value.code == "InvalidParameterValueException" and refused.value.status == 400
    assert refused.value.message.startswith("Could not unzip uploaded file.")
    assert not list(tmp_path.iterdir())
