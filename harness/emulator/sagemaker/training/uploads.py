"""What a training job leaves in S3: the model, other output, checkpoints.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

from harness.emulator.sagemaker.training.channels import split_uri


def files_below(folder: Path) -> list[Path]:
    """Regular files below *folder*, sorted; links are left out, since they may lead anywhere."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def upload_tar(s3: Any, folder: Path, uri: str, scratch: Path) -> None:
    """Pack what *folder* holds and put it to *uri*.

    Args:
        s3: boto3 client.
        folder: what to pack.
        uri: ``s3://bucket/key``.
        scratch: a file to pack into.
    """
    with tarfile.open(scratch, "w:gz", compresslevel=6) as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name)
    bucket, key = split_uri(uri)
    with scratch.open("rb") as body:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def upload_files(s3: Any, folder: Path, uri: str, known: dict[Path, tuple[int, int]] | None = None) -> None:
    """Put each file below a folder to S3.

    Args:
        s3: client of S3, as the job's role.
        folder: with the files.
        uri: ``s3://bucket/prefix`` that they go below, by their paths.
        known: size and time (ns) of files that are there already, which are left out; added to. None: all of them are
            put.
    """
    bucket, prefix = split_uri(uri.rstrip("/") + "/")
    for path in files_below(folder):
        stat = path.stat()
        state = (stat.st_size, stat.st_mtime_ns)
        if known is None or known.get(path) != state:
            with path.open("rb") as body:
                s3.put_object(Bucket=bucket, Key=prefix + path.relative_to(folder).as_posix(), Body=body)
            if known is not None:
                known[path] = state
