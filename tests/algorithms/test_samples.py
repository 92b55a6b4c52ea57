"""The input formats: .lst files, RecordIO and augmented manifests, whole and damaged."""

import io
import json
import logging
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.algorithms.image_classification.container import Container
from harness.algorithms.image_classification.dataset import ImageDataset, centre_crop
from harness.algorithms.image_classification.errors import CustomerError, failure_reason, log_line
from harness.algorithms.image_classification.recordio import MAGIC, read_records
from harness.algorithms.image_classification.samples import read_channel

from .conftest import png

IMAGE = png(np.full((16, 16, 3), 7, np.uint8))


def record(payload):
    """One RecordIO record, split at each magic number within it as MXNet splits it."""
    parts = payload.split(struct.pack("<I", MAGIC))
    written = b""
    for index, part in enumerate(parts):
        flag = 0 if len(parts) == 1 else 1 if index == 0 else 3 if index == len(parts) - 1 else 2
        written += struct.pack("<II", MAGIC, flag << 29 | len(part)) + part + bytes(-len(part) % 4)
    return written


def image_record(labels, image=IMAGE):
    if len(labels) == 1:
        return record(struct.pack("<IfQQ", 0, labels[0], 0, 0) + image)
    return record(struct.pack(f"<IfQQ{len(labels)}f", len(labels), 0, 0, 0, *labels) + image)


def read(job, num_classes=2, multi_label=False):
    job.configure()
    return read_channel(Container(job.root), "train", num_classes, multi_label, logging.getLogger("test"))


def refusal(job, **options):
    with pytest.raises(CustomerError) as caught:
        read(job, **options)
    return f"{caught.value} {caught.value.detail}".rstrip()


def listed(job, text, files=("a.png", "b/c.png")):
    for name in files:
        path = job.channel("train") / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(IMAGE)
    (job.channel("train_lst") / "train.lst").write_bytes(text.encode() if isinstance(text, str) else text)
    return job


def test_a_list_names_labels_and_files(job):
    samples = read(listed(job, "5\t1\ta.png\n1000\t0.000000\tb/c.png\r\n\n"))
    assert [(sample.name, sample.labels) for sample in samples] == [("a.png", (1,)), ("b/c.png", (0,))]
    assert samples[0].encoded() == IMAGE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it lists no images"),
        ("0 1 a.png\n", "line 1 of train.lst does not have the columns"),
        ("0\t1\ta.png\n0\t1\tb/c.png\n", "line 2 of train.lst repeats the index 0"),
        ("0\tdog\ta.png\n", "label that is not a number"),
        ("0\t1\tmissing.png\n", "names missing.png, which the channel does not hold"),
        ("0\t1\t../train_lst/train.lst\n", "outside of the channel"),
        ("0\t1\t/etc/hostname\n", "outside of the channel"),
        (b"0\t1\t\xff.png\n", "not UTF-8"),
    ],
)
def test_a_wrong_list_is_invalid_saying_where(job, text, words):
    told = refusal(listed(job, text))
    assert told.startswith("Invalid lst file in the train channel. ") and words in told


@pytest.mark.parametrize("label", ["2", "-1", "0.5", "nan", "1e400"])
def test_a_label_that_is_no_class_is_refused(job, label):
    assert "label" in refusal(listed(job, f"0\t{label}\ta.png\n"))


def test_a_list_that_is_missing_is_told(job):
    job.channel("train")
    assert "train_lst" in refusal(job)


def test_recordio_files_give_images_and_labels(job):
    (job.channel("train", "application/x-recordio") / "train.rec").write_bytes(image_record([1]) + image_record([0]))
    assert [(sample.labels, sample.encoded()) for sample in read(job)] == [((1,), IMAGE), ((0,), IMAGE)]


@given(st.lists(st.binary(max_size=40) | st.just(struct.pack("<I", MAGIC) * 2), max_size=5))
def test_any_payloads_survive_recordio(payloads):
    assert list(read_records(io.BytesIO(b"".join(map(record, payloads))), "it")) == payloads


@given(st.binary(min_size=1, max_size=60))
def test_what_is_no_recordio_is_refused(data):
    with pytest.raises(CustomerError):
        list(read_records(io.BytesIO(record(b"first") + data), "train.rec"))


def test_recordio_cut_short_is_refused(job):
    (job.channel("train", "application/x-recordio") / "train.rec").write_bytes(image_record([1])[:-4])
    aws_s = "Unable to parse record. Please make sure input data is in correct recordio format."
    assert refusal(job) == f"{aws_s} train.rec ends within a record."


def test_an_empty_recordio_file_is_refused_in_aws_s_words(job):
    (job.channel("train", "application/x-recordio") / "train.rec").write_bytes(b"")
    assert refusal(job) == "Unable to start training. Empty .rec file in train channel."


def test_a_detail_is_in_the_log_and_not_in_the_reason():
    error = CustomerError("Invalid lst file in the train channel.", detail="line 3 of train.lst")
    assert failure_reason(error) == "ClientError: Invalid lst file in the train channel."
    assert log_line(error) == "Customer Error: Invalid lst file in the train channel. (line 3 of train.lst)"


def test_a_record_that_promises_more_labels_than_it_has_is_refused(job):
    data = record(struct.pack("<IfQQ", 10**6, 0, 0, 0))
    (job.channel("train", "application/x-recordio") / "train.rec").write_bytes(data)
    assert "promises 1000000 labels" in refusal(job)


def manifest(job, labels, label_format=""):
    """The channel as SageMaker pipes an augmented manifest: image and label, each wrapped in a record."""
    content = f"application/x-recordio{label_format}"
    job.channel("train", content, TrainingInputMode="Pipe", RecordWrapperType="RecordIO")
    pipe = b"".join(record(IMAGE) + record(json.dumps(label).encode()) for label in labels)
    (job.root / "input" / "data" / "train_0").write_bytes(pipe)
    return job


def test_an_augmented_manifest_comes_through_a_pipe(job):
    samples = read(manifest(job, ["0", 1]))
    assert [(sample.labels, sample.encoded()) for sample in samples] == [((0,), IMAGE), ((1,), IMAGE)]


def test_multi_label_is_multi_hot_unless_the_content_type_says_class_id(job):
    multi_hot = read(manifest(job, [[1, 0, 1], [0, 0, 1]]), num_classes=3, multi_label=True)
    assert [sample.labels for sample in multi_hot] == [(0, 2), (2,)]
    class_id = read(manifest(job, [[0, 2], [2]], "; label-format=class-id"), num_classes=3, multi_label=True)
    assert [sample.labels for sample in class_id] == [(0, 2), (2,)]


def test_a_mismatch_of_labels_is_told_in_the_words_of_aws(job):
    told = refusal(manifest(job, [[1, 0]]), num_classes=3, multi_label=True)
    assert told == "Mismatch between number of labels in the multi-label data (2) and the num_classes parameter (3)."


@pytest.mark.parametrize("label", ["dog", None, {"class": 0}, [[0]]])
def test_a_manifest_with_another_kind_of_label_is_refused(job, label):
    assert "sample 0 of the train channel" in refusal(manifest(job, [label]))


def test_an_unknown_content_type_is_refused(job):
    job.channel("train", "text/csv")
    assert "text/csv" in refusal(job)


def dataset(image, shape, resize=None):
    job_sample = type("Sample", (), {"name": "it.png", "labels": (0,), "encoded": lambda self: image})()
    return ImageDataset([job_sample], shape, 2, resize)


def test_images_are_cropped_in_the_middle():
    image = np.zeros((20, 30, 3), np.uint8)
    image[2:18, 7:23] = 200
    assert (dataset(png(image), (3, 16, 16)).batch([0], centre_crop) == 200).all()


def test_resize_brings_the_shorter_side_to_its_length():
    kept = dataset(png(np.zeros((50, 100, 3), np.uint8)), (3, 16, 16), resize=25).image(0)
    assert kept.shape == (25, 50, 3)


def test_grey_images_are_read_for_one_channel_and_for_three():
    grey = png(np.full((16, 16), 9, np.uint8))
    assert dataset(grey, (1, 16, 16)).batch([0], centre_crop).shape == (1, 1, 16, 16)
    assert (dataset(grey, (3, 16, 16)).batch([0], centre_crop) == 9).all()


def test_an_image_below_the_networks_size_is_refused_with_the_remedy():
    with pytest.raises(CustomerError, match=r"input image size smaller than input shape: it\.png is 8x8.* resize"):
        dataset(png(np.zeros((8, 8, 3), np.uint8)), (3, 16, 16)).image(0)


@pytest.mark.parametrize("data", [b"", b"GIF89a\x01\x00\x01\x00", IMAGE[: len(IMAGE) // 2]])
def test_an_image_that_cannot_be_decoded_is_named(data):
    with pytest.raises(CustomerError, match=r"it\.png"):
        dataset(data, (3, 16, 16)).image(0)


def test_an_image_that_claims_more_pixels_than_any_is_not_decoded():
    huge = bytearray(IMAGE)
    huge[16:24] = struct.pack(">II", 10_000, 10_000)
    huge[29:33] = struct.pack(">I", zlib.crc32(bytes(huge[12:29])))
    with pytest.raises(CustomerError, match="10000x10000 pixels"):
        dataset(bytes(huge), (3, 16, 16)).image(0)
