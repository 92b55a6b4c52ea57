"""MXNet's parameter file, ``image-classification-NNNN.params``: a list of named arrays in a binary format of its own.

Little-endian: a magic number, a reserved word, the count of arrays, each array (magic, storage, shape, device, type,
values), the count of names, each name. The layout is that of ``NDArray::Save`` in MXNet 1.9 (``src/ndarray``), and
the older ones that it still reads. Nothing in a file is executed, and no size in it is believed before the bytes
that it promises are there.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from harness.algorithms.image_classification.errors import ArtifactError

Array = npt.NDArray[np.generic]

MAX_ARRAYS = 20_000
_FILE_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES: Mapping[int, str] = {0: "<f4", 1: "<f8", 2: "<f2", 3: "|u1", 4: "<i4", 5: "|i1", 6: "<i8"}
_CPU = (1, 0)


def write_arrays(arrays: Mapping[str, Array]) -> bytes:
    """Return the file's bytes, in the format that MXNet 1.0 to 1.9 read and write.

    Args:
        arrays: by name; MXNet's own are ``arg:<parameter>`` and ``aux:<auxiliary state>``.
    """
    codes = {np.dtype(text): code for code, text in _TYPES.items()}
    parts = [struct.pack("<QQQ", _FILE_MAGIC, 0, len(arrays))]
    for array in arrays.values():
        values = np.ascontiguousarray(array)
        parts.append(struct.pack("<IiI", _V2, 0, values.ndim))
        parts.append(struct.pack(f"<{values.ndim}q", *values.shape))
        parts.append(struct.pack("<iii", *_CPU, codes[values.dtype.newbyteorder("<")]))
        parts.append(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    parts.append(struct.pack("<Q", len(arrays)))
    for name in arrays:
        encoded = name.encode()
        parts.append(struct.pack("<Q", len(encoded)) + encoded)
    return b"".join(parts)


def read_arrays(data: bytes) -> dict[str, Array]:
    """Return the arrays of a file by name; they share *data*'s memory and cannot be written to.

    Raises:
        ArtifactError: not such a file, cut short, or of a kind that networks do not use (sparse arrays).
    """
    reader = _Reader(data)
    magic, _ = reader.unpack("<QQ")
    if magic != _FILE_MAGIC:
        raise ArtifactError("The parameters are not an MXNet parameter file: its first bytes are not MXNet's.")
    arrays = [_read_array(reader) for _ in range(reader.count(MAX_ARRAYS))]
    names = []
    for _ in range(reader.count(MAX_ARRAYS)):
        raw = bytes(reader.take(reader.count(1024)))
        try:
            names.append(raw.decode())
        except UnicodeDecodeError:
            raise ArtifactError("The parameters hold a name that is not text.") from None
    if reader.left:
        raise ArtifactError(f"The parameters have {reader.left} bytes too many at their end.")
    if len(names) != len(arrays) or len(set(names)) != len(names):
        raise ArtifactError(f"The parameters name {len(set(names))} of {len(arrays)} arrays.")
    return dict(zip(names, arrays, strict=True))


class _Reader:
    """Takes bytes off the front, and never more than there are."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    @property
    def left(self) -> int:
        return len(self._data)

    def take(self, size: int) -> memoryview:
        if size > len(self._data):
            raise ArtifactError(f"The parameters are cut short: {size} bytes are missing or damaged near their end.")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def unpack(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def count(self, limit: int) -> int:
        (count,) = self.unpack("<Q")
        if count > limit:
            raise ArtifactError(f"The parameters promise {count} entries where at most {limit} are read.")
        return count


def _read_array(reader: _Reader) -> Array:
    (magic,) = reader.unpack("<I")
    if magic in (_V2, _V3):
        (storage,) = reader.unpack("<i")
        if storage != 0:
            raise ArtifactError("The parameters hold a sparse array; only dense ones are read.")
        shape = _read_shape(reader, reader.unpack("<I")[0], "q")
    elif magic == _V1:
        shape = _read_shape(reader, reader.unpack("<I")[0], "q")
    else:
        # Before MXNet 0.9.3 an array began with its number of dimensions.
        shape = _read_shape(reader, magic, "I")
    if not shape:
        raise ArtifactError("The parameters hold an array without a shape.")
    reader.unpack("<ii")
    (code,) = reader.unpack("<i")
    if code not in _TYPES:
        raise ArtifactError(f"The parameters hold an array of unknown type {code}.")
    dtype = np.dtype(_TYPES[code])
    size = dtype.itemsize
    for length in shape:
        size *= length
    return np.frombuffer(reader.take(size), dtype).reshape(shape)


def _read_shape(reader: _Reader, dimensions: int, kind: str) -> tuple[int, ...]:
    if dimensions > 8:
        raise ArtifactError(f"The parameters hold an array of {dimensions} dimensions: the file is damaged.")
    shape = reader.unpack(f"<{dimensions}{kind}")
    if any(not 0 <= length < 2**31 for length in shape):
        raise ArtifactError(f"The parameters hold an array of shape {shape}: the file is damaged.")
    return shape
