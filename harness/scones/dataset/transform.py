"""Transform: the vehicles out of the archive, as PNG files with the manifests that SageMaker expects.

https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from harness.scones.dataset import CLASS_NAMES as CLASS_NAMES
from harness.scones.dataset.archive import Archive, Part

if TYPE_CHECKING:
    import pandas as pd

CLASSES = {8: 0, 48: 1}
"""CIFAR-100's fine labels of bicycle and motorcycle, and the class numbers that the model is trained with."""
PARTS = ("train", "test")


class DatasetError(ValueError):
    """A folder is not a data set; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Dataset:
    """PNG images in ``train/`` and ``test/`` of a folder, with ``train.lst`` and ``test.lst``.

    The frames have a line an image: ``row`` (its row in the archive), ``class`` (0 bicycle, 1 motorcycle) and
    ``filename``.
    """

    folder: Path
    train: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)

    def part(self, name: str) -> pd.DataFrame:
        """Return the frame of ``train`` or ``test``."""
        return {"train": self.train, "test": self.test}[name]

    def files(self) -> list[str]:
        """All files below the folder, images first: ``train/...``, ``test/...``, ``train.lst``, ``test.lst``."""
        images = [f"{part}/{name}" for part in PARTS for name in self.part(part)["filename"]]
        return images + [f"{part}.lst" for part in PARTS]


def transform(archive: Archive, folder: Path) -> Dataset:
    """Write an archive's vehicles to *folder*.

    Each PNG is the row of its own image, in its own half of the archive. (A widely copied notebook takes the row whose
    number is the *label*, and the test images from the training half, so that every bicycle is the same picture.)

    Raises:
        DatasetError: the archive has no vehicles, or two of them with one name.
    """
    frames = {part.name: _write_part(part, folder) for part in (archive.train, archive.test)}
    return Dataset(folder, frames["train"], frames["test"])


def image_of(row: np.ndarray) -> np.ndarray:
    """Return a row of the archive as an image of shape (32, 32, 3)."""
    return row.reshape(3, 32, 32).transpose(1, 2, 0)


def from_folder(folder: Path) -> Dataset:
    """Return the data set that lies in *folder* already.

    Raises:
        DatasetError: a manifest is missing or malformed, or names an image that is not there.
    """
    frames = {name: _read_manifest(folder, name) for name in PARTS}
    return Dataset(folder, frames["train"], frames["test"])


def manifest_of(frame: pd.DataFrame) -> str:
    """Return a frame as a ``.lst`` manifest: row, class and path, separated by tabs."""
    lines = zip(frame["row"], frame["class"], frame["filename"], strict=True)
    return "".join(f"{row}\t{number}\t{filename}\n" for row, number, filename in lines)


def _write_part(part: Part, folder: Path) -> pd.DataFrame:
    import pandas as pd

    rows = np.flatnonzero(np.isin(part.labels, list(CLASSES)))
    if not len(rows):
        raise DatasetError(f"the archive's {part.name} half has neither bicycles nor motorcycles")
    frame = pd.DataFrame(
        {
            "row": rows,
            "class": [CLASSES[int(label)] for label in part.labels[rows]],
            "filename": [Path(part.filenames[row]).name for row in rows],
        }
    )
    if frame["filename"].duplicated().any():
        twice = frame["filename"][frame["filename"].duplicated()].iloc[0]
        raise DatasetError(f"the archive's {part.name} half has two images named {twice}")
    images = folder / part.name
    images.mkdir(parents=True, exist_ok=True)
    for row, filename in zip(frame["row"], frame["filename"], strict=True):
        Image.fromarray(image_of(part.images[row])).save(images / filename, optimize=False)
    scratch = folder / f"{part.name}.lst.part"
    scratch.write_text(manifest_of(frame))
    scratch.replace(folder / f"{part.name}.lst")
    return frame


def _read_manifest(folder: Path, name: str) -> pd.DataFrame:
    import pandas as pd

    path = folder / f"{name}.lst"
    if not path.is_file():
        raise DatasetError(f"{folder} is no data set: it has no {name}.lst")
    rows, classes, filenames = [], [], []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != 3 or not fields[0].isdigit() or fields[1] not in ("0", "1"):
            raise DatasetError(f"{path}, line {number}: expected row, class 0 or 1 and path between tabs, not {line!r}")
        if not (folder / name / fields[2]).resolve().is_relative_to((folder / name).resolve()):
            raise DatasetError(f"{path}, line {number}: {fields[2]} lies outside of {name}/")
        if not (folder / name / fields[2]).is_file():
            raise DatasetError(f"{path}, line {number}: there is no {name}/{fields[2]}")
        rows.append(int(fields[0]))
        classes.append(int(fields[1]))
        filenames.append(fields[2])
    if not rows:
        raise DatasetError(f"{path} is empty")
    return pd.DataFrame({"row": rows, "class": classes, "filename": filenames})
