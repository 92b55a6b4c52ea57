"""The model artifact: ``model.tar.gz`` or its folder, as AWS's algorithm writes it and serves it.

``image-classification-NNNN.params`` holds the weights after epoch NNNN, ``image-classification-symbol.json`` the
network, ``model-shapes.json`` the input's shape. An artifact is checked whole before anything is computed with it:
the network must fit together, and each of its parameters must be there in the shape that it needs.
"""

from __future__ import annotations

import gzip
import json
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
import numpy.typing as npt

from harness.algorithms.image_classification.errors import ArtifactError
from harness.algorithms.image_classification.ndarray import read_arrays, write_arrays
from harness.algorithms.image_classification.operators import OUTPUT, infer_shapes, parameter_shapes
from harness.algorithms.image_classification.symbol import MAX_BYTES as SYMBOL_LIMIT
from harness.algorithms.image_classification.symbol import Symbol

Weights = npt.NDArray[np.float32]

PREFIX = "image-classification"
SYMBOL_FILE = f"{PREFIX}-symbol.json"
SHAPES_FILE = "model-shapes.json"
TAR_FILE = "model.tar.gz"
PARAMS_LIMIT = 2 * 1024**3
"""Largest parameter file that is read, in bytes; ResNet-200's has 260 million."""
_SHAPES_LIMIT = 64 * 1024
_MEMBER_LIMIT = 4096
_PARAMS = re.compile(rf"{PREFIX}-(\d{{4,9}})\.params")


@dataclass(frozen=True)
class Artifact:
    """A trained network.

    Attributes:
        symbol: its topology.
        parameters: weights and auxiliary states by name, float32.
        input_shape: channels, height and width of the images that it takes.
        epoch: the number in the parameter file's name: epochs trained.
    """

    symbol: Symbol
    parameters: Mapping[str, Weights]
    input_shape: tuple[int, int, int]
    epoch: int

    @property
    def num_classes(self) -> int:
        """Length of the network's output."""
        shapes = infer_shapes(self.symbol, (1, *self.input_shape))
        return shapes[self.symbol.nodes[self.symbol.head].name][1]


def params_file(epoch: int) -> str:
    """Name of the parameters after *epoch* epochs: ``image-classification-0027.params``."""
    return f"{PREFIX}-{epoch:04d}.params"


def load_artifact(path: Path) -> Artifact:
    """Read a folder or a ``model.tar.gz``; of several epochs' parameters the last is taken.

    Raises:
        ArtifactError: a file is missing, damaged, too large, or they do not fit together.
    """
    if not path.exists():
        raise ArtifactError(f"There is no model artifact at {path}.")
    files = _read_folder(path) if path.is_dir() else _read_tar(path)
    newest = max(files, key=_epoch_of, default="")
    if _epoch_of(newest) < 0:
        raise ArtifactError(f"The model artifact holds no {PREFIX}-NNNN.params.")
    for name in (SYMBOL_FILE, SHAPES_FILE):
        if name not in files:
            raise ArtifactError(f"The model artifact holds no {name}.")
    symbol = Symbol.from_json(files[SYMBOL_FILE])
    input_shape = _input_shape(files[SHAPES_FILE])
    return Artifact(symbol, _parameters(symbol, input_shape, files[newest]), input_shape, _epoch_of(newest))


def save_artifact(artifact: Artifact, folder: Path, batch: int) -> Path:
    """Write the three files to *folder*; each is whole or absent at any moment.

    Args:
        artifact: network, weights and epoch.
        folder: of the model.
        batch: images in a training batch, which AWS's ``model-shapes.json`` names first.

    Returns:
        path of the parameter file.
    """
    auxiliary = artifact.symbol.auxiliary()
    kinds = (("arg", False), ("aux", True))
    arrays = {
        f"{kind}:{name}": values
        for kind, wanted in kinds
        for name, values in artifact.parameters.items()
        if (name in auxiliary) == wanted
    }
    shapes = json.dumps([{"shape": [batch, *artifact.input_shape], "name": "data"}])
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / SYMBOL_FILE, artifact.symbol.to_json().encode())
    _write(folder / SHAPES_FILE, shapes.encode())
    path = folder / params_file(artifact.epoch)
    _write(path, write_arrays(arrays))
    return path


def pack_artifact(folder: Path, path: Path) -> None:
    """Pack *folder*'s artifact as SageMaker does, into a ``model.tar.gz`` that holds its files at the top.

    The same files give the same bytes: neither time nor user goes in.
    """
    partial = path.with_name(f".{path.name}.partial")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for entry in sorted(folder.iterdir()):
            if _limit(entry.name) is not None:
                member = tarfile.TarInfo(entry.name)
                member.size = entry.stat().st_size
                with entry.open("rb") as file:
                    tar.addfile(member, file)
    partial.replace(path)


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def _limit(name: str) -> int | None:
    """Most bytes that are read of file *name*; ``None`` for one that is no part of an artifact."""
    if name == SYMBOL_FILE:
        return SYMBOL_LIMIT
    if name == SHAPES_FILE:
        return _SHAPES_LIMIT
    return PARAMS_LIMIT if _epoch_of(name) >= 0 else None


def _epoch_of(name: str) -> int:
    """Return the epoch of parameter file *name*; -1 for any other file."""
    match = _PARAMS.fullmatch(name)
    return int(match[1]) if match else -1


def _read_folder(folder: Path) -> dict[str, bytes]:
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    newest = max(names, key=_epoch_of, default="")
    files = {}
    for name in names:
        limit = _limit(name)
        if limit is None or 0 <= _epoch_of(name) < _epoch_of(newest):
            continue
        with (folder / name).open("rb") as file:
            files[name] = _read_all(file, name, limit)
    return files


def _read_tar(path: Path) -> dict[str, bytes]:
    # Members are read into memory and nothing is unpacked, so that no name in the archive can reach a path.
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|*") as tar:
            for count, member in enumerate(tar):
                if count >= _MEMBER_LIMIT:
                    raise ArtifactError(f"The model artifact has more than {_MEMBER_LIMIT} entries.")
                name = str(PurePosixPath(member.name))
                limit = _limit(name)
                if limit is None:
                    continue
                if not member.isreg() or name in files:
                    raise ArtifactError(f"The model artifact's {name} is not a single regular file.")
                extracted = tar.extractfile(member)
                assert extracted is not None
                newest = max(map(_epoch_of, files), default=-1)
                if 0 <= _epoch_of(name) < newest:
                    continue
                files = {key: data for key, data in files.items() if _epoch_of(key) < 0 or _epoch_of(name) < 0}
                files[name] = _read_all(extracted, name, limit)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArtifactError(f"{path.name} is not a tar archive, or is damaged: {error}.") from None
    return files


def _read_all(file: IO[bytes], name: str, limit: int) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ArtifactError(f"The model artifact's {name} is larger than {limit} bytes.")
    return data


def _input_shape(data: bytes) -> tuple[int, int, int]:
    try:
        document = json.loads(data)
        shape = next(entry["shape"] for entry in document if entry["name"] == "data")
        _, channels, height, width = (int(length) for length in shape)
    except (ValueError, TypeError, KeyError, StopIteration, RecursionError, OverflowError):
        raise ArtifactError(f"{SHAPES_FILE} does not give the shape of the input 'data'.") from None
    if channels not in (1, 3) or not 1 <= height <= 8192 or not 1 <= width <= 8192:
        raise ArtifactError(f"{SHAPES_FILE} gives the input a shape of {shape}, which no image has.")
    return channels, height, width


def _parameters(symbol: Symbol, input_shape: tuple[int, int, int], data: bytes) -> dict[str, Weights]:
    if symbol.nodes[symbol.head].op not in OUTPUT:
        raise ArtifactError(f"The symbol ends in {symbol.nodes[symbol.head].op}, not in probabilities.")
    given = {name.partition(":")[2] or name: array for name, array in read_arrays(data).items()}
    parameters = {}
    for name, shape in parameter_shapes(symbol, (1, *input_shape)).items():
        if name not in given:
            raise ArtifactError(f"The parameters lack '{name}', which the symbol needs.")
        array = given[name]
        if array.shape != shape:
            raise ArtifactError(f"The parameter '{name}' has shape {array.shape}, but the symbol needs {shape}.")
        if array.dtype.kind != "f":
            raise ArtifactError(f"The parameter '{name}' has type {array.dtype}, not a float.")
        values = array.astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            raise ArtifactError(f"The parameter '{name}' holds values that are not numbers.")
        parameters[name] = values
    return parameters
