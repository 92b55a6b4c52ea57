"""True classes of captured images: by their bytes and by inference ids, never by a guess."""

import tracemalloc

import pytest

from harness.capture.places import FolderPlace
from harness.capture.selection import Selection
from harness.monitor.labels import read_labelled
from harness.monitor.observe import observe
from harness.reporting.images import digest_of
from tests.capture.making import line, png


@pytest.fixture
def folder(tmp_path):
    for name, seed in (
        ("test/bicycle_s_000030.png", 1),
        ("test/ordinary_bicycle_s_000437.png", 2),
        ("test/velocipede_s_001201.png", 3),
        ("test/minibike_s_000013.png", 4),
        ("motorcycle/a.png", 5),
        ("bicycle/same-as-a.png", 5),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(seed))
    return tmp_path


def label(labels, seed):
    return labels.label_of(digest_of(png(seed)), None)


def test_names_say_the_class_as_in_evaluations(folder):
    labels = read_labelled(str(folder))
    assert [label(labels, seed) for seed in range(1, 7)] == [0, 0, 0, 1, None, None]
    assert (labels.images, labels.ambiguous) == (6, 1)


@pytest.mark.parametrize("named", ["", "test.lst"])
def test_a_manifest_labels_all_that_it_lists(folder, named):
    (folder / "test.lst").write_text("26\t0\tvelocipede_s_001201.png\n27\t1.0\tminibike_s_000013.png\n")
    labels = read_labelled(str(folder / named))
    assert [label(labels, seed) for seed in (3, 4)] == [0, 1]


def test_the_manifest_beside_a_folder_is_found(folder):
    (folder / "test.lst").write_text("26\t0\tvelocipede_s_001201.png\n")
    assert label(read_labelled(str(folder / "test")), 3) == 0


def test_inference_ids_name_images_as_keys_do(folder):
    labels = read_labelled(str(folder))
    assert labels.label_of(None, "test/bicycle_s_000030.png") == 0
    assert labels.label_of(None, "s3://bucket/test/bicycle_s_000030.png") == 0
    assert labels.label_of(None, "bicycle_s_000030.png") is None
    assert labels.label_of(None, "order-17") is None


def test_malformed_manifests_and_missing_folders_are_named(folder):
    (folder / "test.lst").write_text("26\tbicycle\tvelocipede_s_001201.png\n")
    with pytest.raises(ValueError, match=r"test.lst, line 1: expected row, class and path"):
        read_labelled(str(folder))
    with pytest.raises(FileNotFoundError, match="no folder or manifest"):
        read_labelled(str(folder / "nothing"))
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="has no images"):
        read_labelled(str(folder / "empty"))


def test_images_in_a_bucket_are_read_alike(folder, bucket, s3):
    (folder / "test.lst").write_text("26\t0\tvelocipede_s_001201.png\n")
    for path in folder.rglob("*.*"):
        s3.put_object(Bucket=bucket, Key=f"data/{path.relative_to(folder)}", Body=path.read_bytes())
    for name in ("data", "data/test", "data/test.lst"):
        assert label(read_labelled(f"s3://{bucket}/{name}", s3), 3) == 0
    assert read_labelled(f"s3://{bucket}/data", s3).by_digest == read_labelled(str(folder)).by_digest


def test_captures_get_their_labels_in_one_pass(folder, tmp_path_factory):
    captures = tmp_path_factory.mktemp("captures")
    lines = [
        line(0, "[0.9, 0.1]", image=png(1)),
        line(1, "[0.3, 0.7]", image=png(2)),
        line(2, "[0.6, 0.4]", image=png(99)),
        line(3, "[0.8, 0.2]", image=b"other bytes", inferenceId="test/bicycle_s_000030.png"),
        line(4, "text", image=png(1)),
    ]
    (captures / "a.jsonl").write_bytes(b"".join(lines))
    labels = read_labelled(str(folder))
    seen = observe(FolderPlace(captures), Selection(), threshold=0.93, labels=labels, train=labels, unsure=2)
    assert [None if value != value else value for value in seen.frame["label"].astype(float)] == [0, 0, None, 0, 0]
    assert seen.frame["trained"].tolist() == [True, True, False, False, True]
    assert [(item.confidence, item.label) for item in seen.unsure] == [(0.6, None), (0.7, 0)]
    assert seen.unsure[0].content == png(99) and seen.images == 4  # one was sent twice


def test_an_image_that_is_sent_again_is_drawn_and_shown_once(tmp_path):
    lines = [line(number, "[0.6, 0.4]", image=png(number % 5)) for number in range(60)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    seen = observe(FolderPlace(tmp_path), Selection(), threshold=0.93, unsure=10)
    assert len(seen.frame) == 60
    assert sorted(seen.sample) == sorted(png(number) for number in range(5))
    assert seen.images == 5
    assert len(seen.unsure) == 5


def test_the_sample_is_drawn_at_random_and_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.monitor.observe.SAMPLE", 10)
    (tmp_path / "a.jsonl").write_bytes(b"".join(line(number, image=bytes([number])) for number in range(100)))
    place = FolderPlace(tmp_path)
    first, again, other = (observe(place, Selection(), threshold=0.9, seed=seed).sample for seed in (0, 0, 1))
    assert len(set(first)) == 10 and first == again and first != other


def test_images_that_are_not_needed_do_not_stay_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.monitor.observe.SAMPLE", 10)
    data = b"".join(line(number, image=bytes(9000)) for number in range(3000))
    (tmp_path / "a.jsonl").write_bytes(data)
    tracemalloc.start()
    seen = observe(FolderPlace(tmp_path), Selection(), threshold=0.93)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(seen.frame) == 3000 and len(data) > 36e6
    assert kept < 5e6 and peak < 20e6
