"""The data set: the very pictures of the archive, each at its place, and nothing from an archive that is not one."""

import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from dataclasses import replace

import boto3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.scones.dataset.archive import Archive, ArchiveError, Part, read_archive, write_archive
from harness.scones.dataset.download import DownloadError, extract
from harness.scones.dataset.load import load
from harness.scones.dataset.synthesize import synthesize
from harness.scones.dataset.transform import DatasetError, from_folder, transform


@pytest.fixture(scope="module")
def archive_path(tmp_path_factory):
    return synthesize(tmp_path_factory.mktemp("archive") / "a.tar.gz", seed=1, train_per_class=12, test_per_class=6)


@pytest.fixture(scope="module")
def archive(archive_path):
    return read_archive(archive_path)


@pytest.fixture(scope="module")
def dataset(archive, tmp_path_factory):
    return transform(archive, tmp_path_factory.mktemp("dataset"))


def pixels(dataset, part, filename):
    return np.asarray(Image.open(dataset.folder / part / filename))


@pytest.mark.parametrize("name", ["train", "test"])
def test_every_png_is_its_own_row(archive, dataset, name):
    part, frame = getattr(archive, name), dataset.part(name)
    assert len(frame) == {"train": 24, "test": 12}[name]
    for row, filename in zip(frame["row"], frame["filename"], strict=True):
        red, green, blue = part.images[row].reshape(3, 32, 32)
        picture = pixels(dataset, name, filename)
        assert picture.shape == (32, 32, 3)
        assert (picture == np.dstack((red, green, blue))).all()
        assert part.filenames[row] == filename


@pytest.mark.parametrize("name", ["train", "test"])
def test_just_bicycles_and_motorcycles_are_taken(archive, dataset, name):
    part, frame = getattr(archive, name), dataset.part(name)
    wanted = {row: {8: 0, 48: 1}[label] for row, label in enumerate(part.labels) if label in (8, 48)}
    assert len(wanted) < len(part.labels)
    assert dict(zip(frame["row"], frame["class"], strict=True)) == wanted
    lines = (dataset.folder / f"{name}.lst").read_text().splitlines()
    assert lines == [f"{r}\t{c}\t{f}" for r, c, f in zip(frame["row"], frame["class"], frame["filename"], strict=True)]


def test_train_and_test_do_not_overlap(dataset):
    pictures = [
        pixels(dataset, part, name).tobytes() for part in ("train", "test") for name in dataset.part(part)["filename"]
    ]
    assert len(set(pictures)) == 36


def test_test_pictures_come_from_the_test_half(archive, tmp_path):
    # The same rows in both halves: a step that takes the wrong half would not be seen by numbers alone.
    other = replace(archive.train, name="test", images=255 - archive.train.images)
    made = transform(Archive(archive.train, other), tmp_path)
    first = made.test["filename"][0]
    assert (pixels(made, "test", first) == 255 - pixels(made, "train", first)).all()


def test_a_seed_gives_the_same_pictures_and_another_gives_others(archive, tmp_path):
    again = read_archive(synthesize(tmp_path / "again.tar.gz", seed=1, train_per_class=12, test_per_class=6))
    other = read_archive(synthesize(tmp_path / "other.tar.gz", seed=2, train_per_class=12, test_per_class=6))
    assert (again.train.images == archive.train.images).all()
    assert (other.train.images != archive.train.images).any()


def test_a_drawn_archive_has_every_member_of_the_real_one(archive_path):
    with tarfile.open(archive_path) as archive:
        assert {name.rpartition("/")[2] for name in archive.getnames()} == {"meta", "test", "train", "file.txt~"}
        names = pickle.load(archive.extractfile("cifar-100-python/meta"), encoding="bytes")
    fine, coarse = names[b"fine_label_names"], names[b"coarse_label_names"]
    assert (len(fine), len(coarse), fine[8], fine[48]) == (100, 20, b"bicycle", b"motorcycle")


def test_the_real_data_set_is_read(real_data):
    dataset = from_folder(real_data / "cifar-vehicles")
    assert (len(dataset.train), len(dataset.test)) == (1000, 200)
    assert sorted(dataset.train["class"].value_counts()) == [500, 500]
    sums = {
        hashlib.sha256((dataset.folder / part / name).read_bytes()).hexdigest()
        for part in ("train", "test")
        for name in dataset.part(part)["filename"]
    }
    assert len(sums) == 1200


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "has no train.lst"),
        ("", "train.lst is empty"),
        ("1\t0\n", "line 1: expected row, class 0 or 1 and path"),
        ("1\t7\ta.png\n", "line 1: expected row, class 0 or 1"),
        ("1\t0\tgone.png\n", "line 1: there is no train/gone.png"),
        ("1\t0\t../../secret\n", "line 1: .* lies outside of train/"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(tmp_path, manifest, message):
    if manifest is not None:
        (tmp_path / "train.lst").write_text(manifest)
    with pytest.raises(DatasetError, match=message):
        from_folder(tmp_path)


# Archives that are none


def tar_of(path, **members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"cifar-100-python/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


class Hostile:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code from a pickle ran')",))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_code_is_refused(tmp_path, protocol):
    path = tar_of(tmp_path / "a.tar.gz", train=pickle.dumps({b"data": Hostile()}, protocol))
    with pytest.raises(ArchiveError, match=r"asks for (__builtin__|builtins)\.exec.*refused"):
        read_archive(path)


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_bytes_do_more_than_be_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    with pytest.raises(ArchiveError):
        read_archive(tar_of(folder / "a.tar.gz", train=data, test=data))
    (folder / "b.tar.gz").write_bytes(data)
    with pytest.raises(ArchiveError):
        read_archive(folder / "b.tar.gz")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
def test_a_truncated_archive_is_refused(archive_path, tmp_path, keep):
    data = archive_path.read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ArchiveError):
        read_archive(tmp_path / "a.tar.gz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({b"data": [1, 2]}, "'data' is not a table of bytes"),
        ({b"data": np.zeros((2, 5), np.uint8)}, "5 columns instead of 3072"),
        ({b"fine_labels": [8, 100]}, "not a list of labels from 0 to 99"),
        ({b"fine_labels": [8]}, "2 images, 1 labels and 2 filenames do not match"),
        ({b"filenames": None}, "'filenames' is not a list of names"),
    ],
)
def test_a_malformed_half_is_named(tmp_path, change, message):
    half = {b"data": np.zeros((2, 3072), np.uint8), b"fine_labels": [8, 48], b"filenames": [b"a.png", b"b.png"]}
    path = tar_of(tmp_path / "a.tar.gz", train=pickle.dumps({**half, **change}, 2))
    with pytest.raises(ArchiveError, match=message):
        read_archive(path)


def test_links_and_missing_halves_are_refused(tmp_path, archive):
    with tarfile.open(tmp_path / "link.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("cifar-100-python/train")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(ArchiveError, match="train is not a regular file"):
        read_archive(tmp_path / "link.tar.gz")
    with pytest.raises(ArchiveError, match="has no cifar-100-python/train and no cifar-100-python/test"):
        read_archive(tar_of(tmp_path / "none.tar.gz", other=b""))


def test_pickles_of_python_2_are_read(tmp_path):
    # As in the real archive: texts are Python 2's, and arrays name numpy.core.
    images = bytes(range(256)) * 12
    half = (
        b"\x80\x02}q\x00(U\x04dataq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b"
        b"\x87Rq\x04(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff"
        b"\xffJ\xff\xff\xff\xffK\x00tb\x89T" + len(images).to_bytes(4, "little") + images + b"tb"
        b"U\x0bfine_labels]K\x08aU\tfilenames]U\x05a.pngau."
    )
    archive = read_archive(tar_of(tmp_path / "a.tar.gz", train=half, test=half))
    assert archive.train.images.tobytes() == images
    assert (archive.train.labels.tolist(), archive.train.filenames) == ([8], ("a.png",))


def test_what_is_written_is_read_again(archive, tmp_path):
    write_archive(tmp_path / "a.tar.gz", archive)
    again = read_archive(tmp_path / "a.tar.gz")
    for name in ("train", "test"):
        ours, theirs = getattr(archive, name), getattr(again, name)
        assert (ours.images == theirs.images).all()
        assert ours.filenames == theirs.filenames


def test_two_images_of_one_name_are_refused(tmp_path):
    part = Part("train", np.zeros((2, 3072), np.uint8), np.array([8, 8]), ("a.png", "a.png"))
    with pytest.raises(DatasetError, match=r"two images named a\.png"):
        transform(Archive(part, part), tmp_path)


# Extract


class FlakyServer(http.server.BaseHTTPRequestHandler):
    """Serves ``content``; the first answers break off after ``breaks`` bytes each."""

    content = bytes(range(256)) * 4000
    breaks = None
    ranges = True
    requests = None

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.requests.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.ranges else 0
        body = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"one"')
        self.end_headers()
        if self.breaks:
            self.wfile.write(body[: self.breaks.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("harness.scones.dataset.download.time.sleep", lambda seconds: None)
    handler = type("Handler", (FlakyServer,), {"breaks": [], "requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        handler.url = f"http://127.0.0.1:{running.server_address[1]}/a.tar.gz"
        yield handler
        running.shutdown()


MD5 = hashlib.md5(FlakyServer.content).hexdigest()


def test_a_transfer_that_breaks_off_goes_on_where_it_was(server, tmp_path):
    server.breaks[:] = [300_000, 200_000]
    seen = []
    path = extract(server.url, tmp_path / "a", md5=MD5, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == server.content
    assert server.requests[0] is None
    assert server.requests[1:] == ["bytes=300000-", "bytes=500000-"]
    assert seen[-1] == (len(server.content), len(server.content))
    assert list(tmp_path.iterdir()) == [path]


def test_a_later_call_goes_on_too(server, tmp_path, monkeypatch):
    monkeypatch.setattr("harness.scones.dataset.download._ATTEMPTS", 1)
    server.breaks[:] = [300_000]
    with pytest.raises(DownloadError, match="300000 bytes that came are kept: run it again"):
        extract(server.url, tmp_path / "a", md5=MD5)
    assert not (tmp_path / "a").exists()
    assert extract(server.url, tmp_path / "a", md5=MD5).read_bytes() == server.content
    assert server.requests == [None, "bytes=300000-"]


def test_a_server_without_ranges_is_asked_anew(server, tmp_path):
    server.breaks[:], server.ranges = [300_000], False
    assert extract(server.url, tmp_path / "a", md5=MD5).read_bytes() == server.content


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(DownloadError, match=f"checksum is {MD5} instead of"):
        extract(server.url, tmp_path / "a", md5="0" * 32)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    (tmp_path / "a").write_bytes(server.content)
    extract(server.url, tmp_path / "a", md5=MD5)
    assert server.requests == []


def test_a_local_archive_is_taken_as_it_is(archive_path, tmp_path):
    assert extract(str(archive_path), tmp_path / "a").read_bytes() == archive_path.read_bytes()
    with pytest.raises(FileNotFoundError, match="there is no file nowhere"):
        extract("nowhere", tmp_path / "b")


def test_no_server_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(DownloadError, match="harness dataset synthesize"):
        extract("http://127.0.0.1:9/a", tmp_path / "a")


# Load


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_only_what_changed_is_loaded(target, archive, tmp_path, region):
    dataset = transform(archive, tmp_path)
    s3 = boto3.client("s3", region_name=region)
    first = load(dataset, s3, f"images-{region}", "set/")
    assert (first.uploaded, first.unchanged) == (38, 0)
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket=f"images-{region}")["Contents"]}
    assert {"set/train.lst", "set/test.lst", f"set/test/{dataset.test['filename'][0]}"} <= keys
    assert load(dataset, s3, f"images-{region}", "set/").uploaded == 0
    (tmp_path / "test" / dataset.test["filename"][0]).write_bytes(b"changed")
    seen = []
    again = load(dataset, s3, f"images-{region}", "set/", progress=lambda done, total: seen.append((done, total)))
    assert (again.uploaded, again.unchanged, again.uploaded_bytes) == (1, 37, 7)
    assert seen[-1] == (38, 38)
