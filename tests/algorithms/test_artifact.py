"""Artifacts on disk: what is written is read back, and what is damaged or hostile is refused saying why."""

import contextlib
import gzip
import io
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.algorithms.image_classification import artifact as module
from harness.algorithms.image_classification.artifact import load_artifact, pack_artifact, save_artifact
from harness.algorithms.image_classification.errors import ArtifactError
from harness.algorithms.image_classification.ndarray import read_arrays, write_arrays

from .conftest import random_artifact

DTYPES = st.sampled_from(["<f4", "<f8", "<f2", "|u1", "<i4", "|i1", "<i8"])
NAMED = st.dictionaries(
    st.text(min_size=1, max_size=20),
    DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=4, max_side=4))),
    max_size=4,
)


@pytest.fixture
def folder(tmp_path):
    save_artifact(random_artifact(), tmp_path / "model", batch=32)
    return tmp_path / "model"


def refusal(path):
    with pytest.raises(ArtifactError) as caught:
        load_artifact(path)
    return str(caught.value)


@given(NAMED)
def test_any_arrays_survive_writing_and_reading(named):
    read = read_arrays(write_arrays(named))
    assert list(read) == list(named)
    for name, values in named.items():
        assert read[name].dtype == values.dtype
        np.testing.assert_array_equal(read[name], values)


@given(NAMED, st.data())
def test_a_file_that_is_cut_short_or_changed_is_refused_or_read_never_worse(named, data):
    whole = write_arrays(named)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ArtifactError):
        read_arrays(whole[:cut])
    changed = bytearray(whole)
    changed[cut] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ArtifactError):
        read_arrays(bytes(changed))


def test_sizes_are_not_believed_before_their_bytes_are_there():
    promise = struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<IiI", 0xF993FAC9, 0, 4)
    huge = promise + struct.pack("<4q", 2**30, 2**30, 2**30, 2**30) + struct.pack("<iii", 1, 0, 0)
    with pytest.raises(ArtifactError, match="cut short"):
        read_arrays(huge)
    with pytest.raises(ArtifactError, match="at most"):
        read_arrays(struct.pack("<QQQ", 0x112, 0, 2**63))


def test_a_pickle_is_not_a_parameter_file():
    with pytest.raises(ArtifactError, match="not an MXNet parameter file"):
        read_arrays(b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94")


def test_a_folder_and_a_tar_hold_the_same_network(folder, tmp_path):
    pack_artifact(folder, tmp_path / "model.tar.gz")
    for path in (folder, tmp_path / "model.tar.gz"):
        read = load_artifact(path)
        assert (read.epoch, read.input_shape, read.num_classes) == (3, (3, 16, 16), 2)
        for name, values in random_artifact().parameters.items():
            np.testing.assert_array_equal(read.parameters[name], values)


def test_packing_twice_gives_the_same_bytes(folder, tmp_path):
    pack_artifact(folder, tmp_path / "first.tar.gz")
    pack_artifact(folder, tmp_path / "second.tar.gz")
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "second.tar.gz").read_bytes()


def test_files_have_the_names_and_the_shape_file_of_aws(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"image-classification-0003.params", "image-classification-symbol.json", "model-shapes.json"}
    assert (folder / "model-shapes.json").read_text() == '[{"shape": [32, 3, 16, 16], "name": "data"}]'


def test_of_several_epochs_the_last_is_taken(folder, tmp_path):
    save_artifact(random_artifact(seed=1, epoch=12), folder, batch=32)
    pack_artifact(folder, tmp_path / "model.tar.gz")
    for path in (folder, tmp_path / "model.tar.gz"):
        assert load_artifact(path).epoch == 12


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("image-classification-0003.params", None, "no image-classification-NNNN.params"),
        ("image-classification-symbol.json", None, "no image-classification-symbol.json"),
        ("model-shapes.json", None, "no model-shapes.json"),
        ("image-classification-0003.params", b"", "cut short"),
        ("image-classification-symbol.json", b"{}", "no list"),
        ("model-shapes.json", b"[]", "does not give the shape"),
        ("model-shapes.json", b'[{"name": "data", "shape": [1, 3, 1e999, 2]}]', "does not give the shape"),
        ("model-shapes.json", b'[{"name": "data", "shape": [1, 3, 99999, 16]}]', "no image has"),
        ("model-shapes.json", b'[{"name": "data", "shape": [1, 1, 16, 16]}]', "bn_data_gamma"),
        ("model-shapes.json", b"[" * 70_000, "larger than"),
    ],
)
def test_what_is_missing_or_damaged_is_named(folder, name, data, words):
    if data is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(data)
    assert words in refusal(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values[:-1], "has shape"),
        (lambda values: values * np.float32("nan"), "not numbers"),
        (lambda values: values.astype(np.int32), "not a float"),
    ],
)
def test_parameters_that_do_not_fit_the_symbol_are_named(folder, change, words):
    arrays = {f"arg:{name}": values for name, values in random_artifact().parameters.items()}
    arrays["arg:fc_bias"] = change(arrays["arg:fc_bias"])
    (folder / "image-classification-0003.params").write_bytes(write_arrays(arrays))
    text = refusal(folder)
    assert "fc_bias" in text and words in text


def test_float16_parameters_are_read(folder):
    arrays = {f"arg:{name}": values.astype(np.float16) for name, values in random_artifact().parameters.items()}
    (folder / "image-classification-0003.params").write_bytes(write_arrays(arrays))
    assert load_artifact(folder).parameters["fc_bias"].dtype == np.float32


def tar_of(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_no_name_in_a_tar_reaches_a_path(tmp_path):
    outside = tmp_path / "escaped"
    path = tar_of(
        tmp_path / "model.tar.gz",
        (member(f"../{outside.name}"), b"out"),
        (member(str(outside)), b"out"),
        (member("../image-classification-0001.params"), b"out"),
    )
    assert "no image-classification-NNNN.params" in refusal(path)
    assert not outside.exists()


def test_a_link_in_place_of_a_file_is_refused(tmp_path):
    path = tar_of(tmp_path / "model.tar.gz", (member("model-shapes.json", tarfile.SYMTYPE, "/etc/passwd"), b""))
    assert "not a single regular file" in refusal(path)


def test_a_tar_that_unpacks_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PARAMS_LIMIT", 1000)
    path = tar_of(tmp_path / "model.tar.gz", (member("image-classification-0001.params"), bytes(10_000)))
    assert "larger than 1000 bytes" in refusal(path)


@pytest.mark.parametrize("cut", [0, 10, 100, 500])
def test_a_tar_that_is_cut_short_is_refused(folder, tmp_path, cut):
    pack_artifact(folder, tmp_path / "model.tar.gz")
    data = (tmp_path / "model.tar.gz").read_bytes()
    (tmp_path / "model.tar.gz").write_bytes(data[:cut])
    assert "model" in refusal(tmp_path / "model.tar.gz")


@given(data=st.binary(max_size=200))
def test_any_bytes_are_an_artifact_or_an_artifact_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.tar.gz"
    for content in (data, gzip.compress(data)):
        path.write_bytes(content)
        refusal(path)


def test_a_missing_artifact_is_named(tmp_path):
    assert "nowhere" in refusal(tmp_path / "nowhere")
