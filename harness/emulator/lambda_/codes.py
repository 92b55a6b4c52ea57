"""Deployment packages and layers: taken, checked, and kept once for each content.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.emulator.access.sessions import Actor
from harness.emulator.clients import Clients
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, blob
from harness.emulator.lambda_.package import check_package
from harness.emulator.lambda_.refusals import invalid
from harness.emulator.limits import FUNCTION_UNZIPPED, FUNCTION_ZIPPED

_IN_THE_MAKING = 60.0
"""Seconds for which a package may be without a function or layer that uses it."""


@dataclass(frozen=True)
class Package:
    """A ZIP file that was taken."""

    digest: str
    """SHA-256, in hexadecimal digits."""
    size: int

    @property
    def code_sha256(self) -> str:
        """As Lambda writes it."""
        return Codes.code_sha256(self.digest)


class Codes:
    """The packages of functions and layers.

    Args:
        folder: where they lie.
        clients: where S3 answers.
    """

    def __init__(self, folder: Path, clients: Clients) -> None:
        self._folder = folder
        self._clients = clients
        self._lock = threading.Lock()
        self._taken: dict[str, float] = {}
        """When packages were taken that nothing was seen to use yet: their functions are just being made."""

    def path(self, digest: str) -> Path:
        """Where a package lies."""
        return self._folder / digest

    @staticmethod
    def code_sha256(digest: str) -> str:
        """Write a digest as Lambda does."""
        return base64.b64encode(bytes.fromhex(digest)).decode()

    def take(self, given: Members, region: str, caller: Actor | None) -> Package:
        """Keep the package that a request brings, or names in S3.

        Args:
            given: ``ZipFile``, or ``S3Bucket`` and ``S3Key``.
            region: of the bucket.
            caller: who must be allowed to read it there.

        Raises:
            AwsError: there is none, it is no ZIP file, or too large.
        """
        if given.get("S3Bucket"):
            return self.keep(self._from_s3(given, region, caller))
        data = blob(given, "ZipFile")
        if len(data) > FUNCTION_ZIPPED.most:
            raise FUNCTION_ZIPPED.refusal()
        return self.keep(data)

    def keep(self, data: bytes) -> Package:
        """Keep a package.

        Raises:
            AwsError: no ZIP file, or too large when unzipped.
        """
        check_package(data)
        package = Package(hashlib.sha256(data).hexdigest(), len(data))
        path = self.path(package.digest)
        with self._lock:
            self._taken[package.digest] = time.monotonic()
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_bytes(data)
                partial.replace(path)
        return package

    def forget(self, used: set[str]) -> None:
        """Remove what nothing uses any more."""
        with self._lock:
            since = time.monotonic() - _IN_THE_MAKING
            self._taken = {name: at for name, at in self._taken.items() if name not in used and at > since}
            for path in self._folder.iterdir() if self._folder.is_dir() else ():
                if path.name not in used and path.name not in self._taken:
                    path.unlink(missing_ok=True)

    def kept(self, used: set[str]) -> Iterator[tuple[str, str, Members]]:
        """Yield packages as records."""
        for digest in sorted(used):
            if self.path(digest).is_file():
                yield "code", digest, {"zip": self.path(digest).read_bytes()}

    def _from_s3(self, given: Members, region: str, caller: Actor | None) -> bytes:
        version = {"VersionId": given["S3ObjectVersion"]} if given.get("S3ObjectVersion") else {}
        try:
            found = self._clients.get("s3", region, caller).get_object(
                Bucket=given["S3Bucket"], Key=given.get("S3Key", ""), **version
            )
        except Exception as error:
            said = getattr(error, "response", {}).get("Error", {})
            code, words = said.get("Code", type(error).__name__), said.get("Message", str(error))
            if code == "AccessDenied":
                raise AwsError(
                    "AccessDeniedException",
                    "Your access has been denied by S3, please make sure your request credentials have permission to "
                    f"GetObject for {given['S3Bucket']}/{given.get('S3Key')}. S3 Error Code: AccessDenied. "
                    f"S3 Error Message: {words}",
                    403,
                ) from None
            raise invalid(f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {words}") from None
        if found["ContentLength"] > FUNCTION_UNZIPPED.most:
            raise FUNCTION_UNZIPPED.refusal()
        body: bytes = found["Body"].read()
        return body
