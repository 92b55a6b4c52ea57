"""Deployment packages: unpacked once for each content, and the runtime folder that stands for ``/var/runtime``."""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import io
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from harness.emulator.door.errors import AwsError
from harness.emulator.limits import FUNCTION_UNZIPPED

RUNTIME_DISTRIBUTIONS = (
    "awslambdaric",
    "snapshot-restore-py",
    "simplejson",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)
"""What AWS's Python runtimes bring with them. A handler that imports more fails there, and so it does here."""

_PORTABLE_CLIENT = Path(__file__).with_name("portable_runtime_client.py")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_OF_NAMES = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""What a system says of entries that cannot be: a file in a file, a name that no file can have."""
_LONGEST_DIRECTORY = 32 << 20


def check_package(code: bytes) -> None:
    """Refuse what Lambda refuses of a deployment package.

    Raises:
        AwsError: ``InvalidParameterValueException``: no ZIP file, or too large when unzipped.
    """
    _check_directory(code)
    with _open(code) as archive:
        if any(entry.compress_type not in _COMPRESSIONS or entry.flag_bits & 1 for entry in archive.infolist()):
            raise _no_zip()  # Lambda knows no other, and others take memory as they please; none has a password
        if sum(entry.file_size for entry in archive.infolist()) > FUNCTION_UNZIPPED.most:
            raise FUNCTION_UNZIPPED.refusal()


def unzipped_size(package: Path) -> int:
    """Bytes of a package that was checked, once it is unpacked."""
    with zipfile.ZipFile(package) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _check_directory(code: bytes) -> None:
    """Refuse a list of entries that is longer than any package's, before it is read.

    https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.16
    """
    at = code.rfind(b"PK\5\6")
    if at < 0 or len(code) < at + 22 or int.from_bytes(code[at + 12 : at + 16], "little") > _LONGEST_DIRECTORY:
        raise _no_zip()


def _open(code: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(code))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise _no_zip() from None


def _no_zip() -> AwsError:
    return AwsError(
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
        Type="User",
    )


def unpack(folder: Path, *codes: bytes) -> Path:
    """Unzip packages into *folder*, which must not exist yet, one over the other, and give it back.

    Raises:
        AwsError: ``InvalidParameterValueException`` as AWS answers for what is no ZIP file, escapes its folder or
            is too large.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        root = Path(scratch) / "root"
        root.mkdir()
        for code in codes:
            check_package(code)
            with _open(code) as archive:
                _extract_all(archive, root)
        if folder.exists():
            shutil.rmtree(folder)
        root.rename(folder)
    return folder


def _extract_all(archive: zipfile.ZipFile, root: Path) -> None:
    try:
        for entry in archive.infolist():
            _extract(archive, entry, root)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError):
        raise _no_zip() from None
    except OSError as error:
        if error.errno in _OF_NAMES:
            raise _no_zip() from None
        raise


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path) -> None:
    path = Path(archive.extract(entry, root))
    mode = (entry.external_attr >> 16) & 0o777
    if mode and not stat.S_ISLNK(entry.external_attr >> 16):
        path.chmod(mode | stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))


def make_runtime_folder(folder: Path, own: bool = True) -> Path:
    """Make a folder with links to just those packages that AWS's Python runtime has, for ``PYTHONPATH``.

    Args:
        folder: where.
        own: whether the Python that runs this process will read it; what is compiled is of no use to another.

    Raises:
        importlib.metadata.PackageNotFoundError: awslambdaric or boto3 is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_DISTRIBUTIONS:
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in ("awslambdaric", "boto3"):
                raise
            continue
        # Its names alone: a path made of each of botocore's two thousand takes longer than all the rest.
        record = distribution.read_text("RECORD") or "\n".join(map(str, distribution.files or ()))
        for top in {line.partition("/")[0].partition(",")[0] for line in record.splitlines()}:
            if top.startswith(".") or top == "__pycache__":
                continue
            source = Path(str(distribution.locate_file(top)))
            link = folder / top
            if source.exists() and not link.exists():
                link.symlink_to(source)
    if not own:
        (folder / "runtime_client.py").symlink_to(_PORTABLE_CLIENT)
    return folder


def compiled_folder(runtime: Path, folder: Path, cache: Path) -> Path:
    """Make a folder for ``sys.pycache_prefix`` that leads what is compiled of *runtime* into the *cache*.

    Python keeps a compiled file below the whole path of its source, and *runtime* lies somewhere else each time.

    Args:
        runtime: what :func:`make_runtime_folder` gave.
        folder: is made.
        cache: outlives the emulator.
    """
    packages = str((runtime / "boto3").resolve())
    kept = cache.resolve() / f"{runtime.name}-{hashlib.sha256(packages.encode()).hexdigest()[:16]}"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    (kept / ".gitignore").write_text("*\n")
    place = folder / runtime.relative_to("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(kept)
    return folder
