"""What of a developer's shell reaches the emulator and the programs that it starts: what is named here, and no more."""

from __future__ import annotations

import contextlib
import os
import site
from collections.abc import Iterator, Mapping, MutableMapping

_OF_LIBRARIES = ("AWS_", "BOTO_", "MOTO_")
"""Beginnings of the names of variables by which boto3, botocore and moto do otherwise than they are told to here."""
_OF_MOTO = frozenset(
    {
        "DEFAULT_CONTAINER_REGISTRY",
        "INITIAL_NO_AUTH_ACTION_COUNT",
        "S3_IGNORE_SUBDOMAIN_BUCKETNAME",
        "S3_UPLOAD_PART_MIN_SIZE",
        "SF_EXECUTION_HISTORY_TYPE",
        "TEST_PROXY_MODE",
        "TEST_SERVER_MODE",
    }
)
_ADDRESSES = "AWS_ENDPOINT_URL"
"""Where the services answer that an emulator of some services does not run: asked for, not left behind."""
_NO_PROFILE = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
_FOR_PROGRAMS = frozenset(
    {
        "CUDA_VISIBLE_DEVICES",
        "LANG",
        "LD_LIBRARY_PATH",
        "MKL_NUM_THREADS",
        "NVIDIA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PATH",
        "PYTHONPATH",
        "TMPDIR",
        "TZ",
        "VIRTUAL_ENV",
    }
)
"""Variables that say where a program's interpreter, libraries and devices are."""


def leave_out_surroundings(environ: MutableMapping[str, str]) -> None:
    """Remove from a process's own variables what would have its libraries do otherwise than the emulator tells them."""
    for name in list(environ):
        if (name.startswith(_OF_LIBRARIES) and not name.startswith(_ADDRESSES)) or name in _OF_MOTO:
            del environ[name]
    environ.update(_NO_PROFILE)


@contextlib.contextmanager
def without_surroundings(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Do as :func:`leave_out_surroundings` does while the block lasts."""
    before = dict(environ)
    leave_out_surroundings(environ)
    try:
        yield
    finally:
        environ.clear()
        environ.update(before)


def program_variables(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """Return the variables with which a training or serving program starts, before those of its container.

    No credentials and no tokens are among them, nor the way to files with such: it has a home of its own.
    """
    given = {name: value for name, value in environ.items() if name in _FOR_PROGRAMS or name.startswith("LC_")}
    own = {"HOME": home, "PYTHONUNBUFFERED": "1", "AWS_EC2_METADATA_DISABLED": "true", **_NO_PROFILE}
    packages = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
    return {**given, **packages, **own}
