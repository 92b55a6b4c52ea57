"""Classes: their names, and which an image is known to have, by a manifest's label column or by its own name."""

from __future__ import annotations

from pathlib import PurePosixPath

CLASS_NAMES = ("bicycle", "motorcycle")
"""By label."""
_FAMILIES = (
    frozenset({"bicycle", "cycle", "ordinary_bicycle", "push_bike", "safety_bicycle", "safety_bike", "velocipede"}),
    frozenset({"dirt_bike", "minibike", "moped", "motorbike", "motorcycle", "trail_bike"}),
)
"""By class number, the words with which CIFAR-100's names of bicycles and of motorcycles begin."""


def class_name(number: int | None) -> str:
    """Name a class as people call it; nothing where there is none."""
    if number is None:
        return ""
    return CLASS_NAMES[number] if 0 <= number < len(CLASS_NAMES) else f"class {number}"


def label_from_name(key: str) -> int | None:
    """Return the class that the name of an image says: ``test/minibike_s_000010.png`` is a motorcycle.

    A plain ``bike`` says nothing: of CIFAR-100's, 121 are bicycles and 7 are motorcycles.
    """
    stem = PurePosixPath(key).stem.lower()
    word = stem.partition("_s_")[0]
    for number, words in enumerate(_FAMILIES):
        if word in words or word.removeprefix("test_").removeprefix("train_") in words:
            return number
    return None


def read_lst(text: str, where: str) -> dict[str, int]:
    """Read the labels in a ``.lst`` manifest, by path: row, label and path between tabs.

    Raises:
        ValueError: naming the line that is malformed.
    """
    labels = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split("\t")
        try:
            _, label, path = fields
            labels[path] = int(float(label))
        except ValueError:
            raise ValueError(
                f"{where}, line {number}: expected row, label and path between tabs, not {line[:80]!r}"
            ) from None
    if not labels:
        raise ValueError(f"{where} names no image")
    return labels
