"""Model artifacts: fetched from S3 and unpacked to ``/opt/ml/model``, as SageMaker does before ``serve`` starts.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path
from typing import Any

MAX_UNPACKED = 20 << 30
"""Bytes that an artifact may unpack to."""
_MOST_MEMBERS = 100_000


_LONGEST_HEADER = 1 << 20
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Members that say something of the next one, and are read into memory as a whole."""


class _Member(tarfile.TarInfo):
    """A member whose headers have a length that they can have."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size < 0 or (self.type in _HEADERS and self.size > _LONGEST_HEADER):
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


class ModelDataError(RuntimeError):
    """An artifact cannot be had or unpacked; the message is the endpoint's failure reason."""


def split_model_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def fetch_model(s3: Any, uri: str, folder: Path) -> None:
    """Download a model and unpack it.

    Args:
        s3: client of S3, as the model's role.
        uri: ``ModelDataUrl``, ``s3://bucket/.../model.tar.gz``.
        folder: where to; made where it is missing.

    Raises:
        ModelDataError: it is not there, is no tar file, or would write outside the folder.
    """
    bucket, key = split_model_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder.with_name(f"{folder.name}.tar.gz")
    try:
        with packed.open("wb") as file:
            shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=key)["Body"], file, 1 << 20)
        with tarfile.open(packed, "r:gz", tarinfo=_Member) as archive:
            total = 0
            for number, member in enumerate(archive):
                if member.size < 0:
                    raise tarfile.ReadError(f"a member of {member.size} bytes")
                total += member.size
                if total > MAX_UNPACKED or number > _MOST_MEMBERS:
                    raise ModelDataError(f"The model data at {uri} unpacks to more than {MAX_UNPACKED} bytes.")
                archive.extract(member, folder, filter="data")
    except s3.exceptions.ClientError as error:
        raise ModelDataError(
            f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure that there is '
            "an object located at the URL and that the role passed to CreateModel has permissions to download the "
            f"object. ({error.response['Error'].get('Code')})"
        ) from None
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, RecursionError) as error:
        raise ModelDataError(f'Failed to extract model data archive from URL "{uri}": {error}') from None
    finally:
        packed.unlink(missing_ok=True)
