"""What a channel holds: images and their labels, from ``.lst`` files, RecordIO or an augmented manifest.

https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html#IC-inputoutput
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.algorithms.image_classification.container import Container
from harness.algorithms.image_classification.errors import CustomerError
from harness.algorithms.image_classification.recordio import read_records, unpack_image

RECORDIO = "application/x-recordio"
IMAGE_TYPES = ("application/x-image", "image/png", "image/jpeg")
_LINE_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """One labelled image.

    Attributes:
        name: for messages.
        source: the encoded image, or the file that holds it.
        labels: the ids of its classes: one, or with multi-label any number.
    """

    name: str
    source: Path | bytes
    labels: tuple[int, ...]

    def encoded(self) -> bytes:
        """Return the image's file, PNG or JPEG."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


@dataclass(frozen=True)
class LabelFormat:
    """How labels are written, and what they may be.

    Attributes:
        num_classes: ids are below this.
        multi_label: an image may have any number of classes.
        class_id: multi-label only: labels are lists of ids, not one 0 or 1 for each class.
    """

    num_classes: int
    multi_label: bool = False
    class_id: bool = False

    def read(self, values: tuple[float, ...], name: str) -> tuple[int, ...]:
        """Return the class ids that *values* mean.

        Raises:
            CustomerError: naming the image: a label that is no class, or the wrong number of labels.
        """
        if any(not math.isfinite(value) or value != int(value) or value < 0 for value in values):
            raise CustomerError(f"The labels {list(values)} of {name} are not class indices.")
        ids = tuple(int(value) for value in values)
        if self.multi_label and not self.class_id:
            if len(ids) != self.num_classes or any(value not in (0, 1) for value in ids):
                raise CustomerError(
                    f"Mismatch between number of labels in the multi-label data ({len(ids)}) and the num_classes "
                    f"parameter ({self.num_classes})."
                )
            return tuple(index for index, value in enumerate(ids) if value)
        if not self.multi_label and len(ids) != 1:
            raise CustomerError(f"{name} has {len(ids)} labels; set multi_label to 1 for more than one.")
        if any(value >= self.num_classes for value in ids):
            raise CustomerError(
                f"The label {max(ids)} of {name} is out of range: labels go from 0 to num_classes - 1 "
                f"({self.num_classes - 1})."
            )
        return ids


def read_channel(
    container: Container, channel: str, num_classes: int, multi_label: bool, logger: logging.Logger
) -> list[Sample]:
    """Read the samples of a channel in the format that its content type names.

    Args:
        container: the job's ``/opt/ml``.
        channel: ``train`` or ``validation``.
        num_classes: labels must lie below it.
        multi_label: whether a label is a row of zeros and ones, one for each class, and not a class number.
        logger: told, as in the log of AWS's algorithm, which ``.lst`` file is read.

    Raises:
        CustomerError: a channel or file is missing, or cannot be read.
    """
    config = container.channels().get(channel, {})
    content_type, _, options = str(config.get("ContentType") or "").partition(";")
    labels = LabelFormat(num_classes, multi_label, class_id="label-format=class-id" in options.replace(" ", ""))
    if config.get("TrainingInputMode") == "Pipe":
        return _from_pipe(container, channel, config, labels)
    if content_type.strip() == RECORDIO:
        return _from_recordio(container, channel, labels)
    if content_type.strip() in ("", *IMAGE_TYPES):
        return _from_list(container, channel, labels, logger)
    raise CustomerError(
        f"Unable to initialize the algorithm. Content type '{content_type}' of the {channel} channel is not supported: "
        f"it must be one of {', '.join((RECORDIO, *IMAGE_TYPES))}."
    )


def _from_list(container: Container, channel: str, labels: LabelFormat, logger: logging.Logger) -> list[Sample]:
    folder = container.channel(f"{channel}_lst")
    logger.info("Searching for .lst files in %s.", container.shown(folder))
    lists = sorted(folder.glob("*.lst")) if folder.is_dir() else []
    if len(lists) != 1:
        raise CustomerError(f"Found {len(lists)} .lst files in the {channel}_lst channel; there must be one.")
    logger.info("Creating record files for %s", lists[0].name)
    samples = list(_read_list(lists[0], container.channel(channel), channel, labels))
    if not samples:
        raise CustomerError(f"Invalid lst file in the {channel} channel.", detail="it lists no images")
    logger.info("Done creating record files...")
    return samples


def _read_list(path: Path, folder: Path, channel: str, labels: LabelFormat) -> Iterator[Sample]:
    root = folder.resolve()
    invalid = f"Invalid lst file in the {channel} channel."
    seen: set[str] = set()
    with path.open("r", encoding="utf-8", errors="strict") as file:
        try:
            lines = [(number, line.rstrip("\r\n")) for number, line in enumerate(file, start=1)]
        except UnicodeDecodeError:
            raise CustomerError(invalid, detail="it is not UTF-8 text.") from None
    for number, line in lines:
        if not line.strip():
            continue
        parts = line.split("\t")
        where = f"line {number} of {path.name}"
        if len(parts) < 3 or len(line) > _LINE_LIMIT:
            raise CustomerError(invalid, detail=f"{where} does not have the columns index, label and path")
        if parts[0] in seen:
            raise CustomerError(invalid, detail=f"{where} repeats the index {parts[0]}, which must be unique.")
        seen.add(parts[0])
        try:
            values = tuple(float(part) for part in parts[1:-1])
        except ValueError:
            raise CustomerError(invalid, detail=f"{where} has a label that is not a number.") from None
        image = folder / parts[-1].strip()
        if not image.resolve().is_relative_to(root):
            raise CustomerError(invalid, detail=f"{where} names a path outside of the channel.")
        if not image.is_file():
            raise CustomerError(invalid, detail=f"{where} names {parts[-1].strip()}, which the channel does not hold.")
        yield Sample(parts[-1].strip(), image, labels.read(values, where))


def _from_recordio(container: Container, channel: str, labels: LabelFormat) -> list[Sample]:
    folder = container.channel(channel)
    files = sorted(folder.rglob("*.rec")) if folder.is_dir() else []
    if not files:
        raise CustomerError(f"Found no .rec file in the {channel} channel.")
    if all(path.stat().st_size == 0 for path in files):
        raise CustomerError(f"Unable to start training. Empty .rec file in {channel} channel.")
    samples = []
    for path in files:
        with path.open("rb") as file:
            for index, record in enumerate(read_records(file, path.name)):
                samples.append(_image_record(record, f"record {index} of {path.name}", labels))
    return samples


def _image_record(record: bytes, name: str, labels: LabelFormat) -> Sample:
    values, encoded = unpack_image(record, name)
    return Sample(name, encoded, labels.read(values, name))


def _from_pipe(container: Container, channel: str, config: dict[str, Any], labels: LabelFormat) -> list[Sample]:
    # SageMaker opens one pipe for each pass over the data; here one pass is read, and kept.
    path = container.channel(f"{channel}_0")
    if not path.exists():
        raise CustomerError(f"The pipe {container.shown(path)} of the {channel} channel is missing.")
    with path.open("rb") as file:
        records = read_records(file, f"The {channel} channel")
        if config.get("RecordWrapperType") != "RecordIO":
            return [
                _image_record(record, f"record {index} of the {channel} channel", labels)
                for index, record in enumerate(records)
            ]
        samples = list(_manifest_records(records, channel, labels))
        if not samples:
            raise CustomerError(
                "Got empty batch from pipe. Please check if the manifest file contains valid batches and the value of "
                "training job parameter AttributeNames matches attributes names in the augmented manifest."
            )
        return samples


def _manifest_records(records: Iterator[bytes], channel: str, labels: LabelFormat) -> Iterator[Sample]:
    """Yield an augmented manifest's samples: attributes ordered as in ``AttributeNames``, images first."""
    for index, image in enumerate(records):
        name = f"sample {index} of the {channel} channel"
        label = next(records, None)
        if label is None:
            raise CustomerError(f"{name} has no label: AttributeNames must name the image and the label.")
        try:
            value = json.loads(label)
            values = tuple(float(part) for part in (value if isinstance(value, list) else [value]))
        except (ValueError, TypeError, RecursionError):
            raise CustomerError(f"The label of {name} is neither a number nor a list of numbers.") from None
        yield Sample(name, image, labels.read(values, name))
