"""The CIFAR-100 python archive: read safely, written in the very same form.

https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import io
import pickle
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

FOLDER = "cifar-100-python"
PARTS = ("train", "test")
FINE_LABELS = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard
    lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
    shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
COARSE_LABELS = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices household_furniture
    insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores
    medium_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""
MAX_MEMBER = 512 << 20
"""Bytes that one file in the archive may have; the real ones have at most 155 MB."""
_COLUMNS = 3 * 32 * 32

_ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""All that the format needs; anything else in a pickle could run code."""


class ArchiveError(ValueError):
    """The file is not a CIFAR-100 python archive; the message says what is wrong with it."""


@dataclass(frozen=True)
class Part:
    """One half of the archive."""

    name: str
    """``train`` or ``test``."""
    images: np.ndarray = field(repr=False)
    """Bytes of shape (n, 3072): the red, then the green, then the blue plane, each 32 rows of 32."""
    labels: np.ndarray = field(repr=False)
    """Fine labels of shape (n,), 0 to 99."""
    filenames: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Archive:
    """Both halves."""

    train: Part
    test: Part


def read_archive(path: Path) -> Archive:
    """Read an archive, building nothing from its pickles but arrays, lists and texts.

    Args:
        path: a ``.tar.gz`` as the University of Toronto publishes it, or as :func:`write_archive` writes it.

    Raises:
        ArchiveError: it is truncated, malformed, or holds what the format does not.
        FileNotFoundError: there is no such file.
    """
    found: dict[str, Part] = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                folder, _, name = member.name.removeprefix("./").rpartition("/")
                if folder != FOLDER or name not in PARTS:
                    continue
                # Only regular files are read, and none is written, so that no member can lead anywhere else.
                if not member.isfile():
                    raise ArchiveError(f"{path}: {member.name} is not a regular file")
                if member.size > MAX_MEMBER:
                    raise ArchiveError(f"{path}: {member.name} has {member.size} bytes, more than {MAX_MEMBER}")
                stream = archive.extractfile(member)
                assert stream is not None
                found[name] = _read_part(name, stream, f"{path}: {member.name}")
    except FileNotFoundError:
        raise
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArchiveError(f"{path}: not a complete tar archive: {error}") from None
    except Exception as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"{path}: not a complete tar archive: {error!r}") from None
    missing = [name for name in PARTS if name not in found]
    if missing:
        raise ArchiveError(f"{path}: has no {' and no '.join(f'{FOLDER}/{name}' for name in missing)}")
    return Archive(found["train"], found["test"])


def write_archive(path: Path, archive: Archive) -> None:
    """Write an archive in the form of the real one: a gzipped tar of pickles, protocol 2, with bytes as keys."""
    scratch = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(scratch, "w:gz", compresslevel=3) as tar:
        for part in (archive.train, archive.test):
            document = {
                b"filenames": [name.encode() for name in part.filenames],
                b"batch_label": b"training batch 1 of 1" if part.name == "train" else b"testing batch 1 of 1",
                b"fine_labels": [int(label) for label in part.labels],
                b"coarse_labels": [19 if label == 41 else 18 for label in part.labels],
                b"data": np.ascontiguousarray(part.images, dtype=np.uint8),
            }
            _add(tar, part.name, pickle.dumps(document, protocol=2))
        names = {b"fine_label_names": FINE_LABELS, b"coarse_label_names": COARSE_LABELS}
        listed = {key: [name.encode() for name in named.split()] for key, named in names.items()}
        _add(tar, "meta", pickle.dumps(listed, protocol=2))
        _add(tar, "file.txt~", b"")
    scratch.replace(path)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(f"{FOLDER}/{name}")
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED_GLOBALS:
            raise ArchiveError(f"the pickle asks for {module}.{name}, which the format does not need: refused")
        if module.startswith("numpy.core"):
            module = module.replace("numpy.core", "numpy._core")
        if module == "_codecs":
            return _encode_latin1
        return super().find_class(module, name)


def _encode_latin1(text: str, encoding: str = "latin1") -> bytes:
    # Protocol 2 has no bytes: they are written as a call of codecs.encode(text, "latin1").
    if encoding not in ("latin1", "latin-1"):
        raise ArchiveError(f"the pickle asks for the encoding {encoding!r}: refused")
    return text.encode("latin1")


def _read_part(name: str, stream: IO[bytes], where: str) -> Part:
    try:
        document = _Unpickler(stream, encoding="bytes").load()
    except ArchiveError as error:
        raise ArchiveError(f"{where}: {error}") from None
    except (tarfile.TarError, OSError) as error:
        raise ArchiveError(f"{where}: truncated: {error}") from None
    except Exception as error:
        raise ArchiveError(f"{where}: not a readable pickle: {error!r}") from None
    if not isinstance(document, dict):
        raise ArchiveError(f"{where}: holds a {type(document).__name__} instead of a dictionary")
    images, labels, filenames = (document.get(key) for key in (b"data", b"fine_labels", b"filenames"))
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 2:
        raise ArchiveError(f"{where}: 'data' is not a table of bytes")
    if images.shape[1] != _COLUMNS:
        raise ArchiveError(f"{where}: 'data' has {images.shape[1]} columns instead of {_COLUMNS}")
    if not isinstance(labels, list) or not all(isinstance(label, int) and 0 <= label < 100 for label in labels):
        raise ArchiveError(f"{where}: 'fine_labels' is not a list of labels from 0 to 99")
    if not isinstance(filenames, list) or not all(isinstance(item, (bytes, str)) for item in filenames):
        raise ArchiveError(f"{where}: 'filenames' is not a list of names")
    if not len(images) == len(labels) == len(filenames):
        raise ArchiveError(
            f"{where}: {len(images)} images, {len(labels)} labels and {len(filenames)} filenames do not match"
        )
    names = tuple(item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in filenames)
    return Part(name, images, np.asarray(labels, dtype=np.int64), names)
