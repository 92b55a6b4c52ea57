"""Where captures lie: a folder, a prefix of a bucket, or wherever an endpoint's configuration says.

Data Capture writes ``<destination>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>.jsonl``; where a range of time is wanted,
only the hours in it are listed.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from harness.capture.selection import Selection
from harness.project.bucket import own_buckets

if TYPE_CHECKING:
    import boto3

SUFFIXES = (".jsonl", ".jsonl.gz")
_PERIOD = re.compile(r"(?:^|/)(\d{4})(?:/(\d\d)(?:/(\d\d)(?:/(\d\d))?)?)?/$")
_LAYOUT = re.compile(r"(?:(?:(?P<endpoint>[^/]+)/)?(?P<variant>[^/]+)/)?(?P<hour>\d{4}/\d\d/\d\d/\d\d)/[^/]+$")
_IN_MEMORY = 64 << 20


@dataclass(frozen=True)
class CaptureFile:
    """A capture file, as its key or path tells of it."""

    source: str
    """Key in the bucket, or path below the folder."""
    size: int
    """Bytes, compressed where it is."""
    variant: str | None
    """None where the file does not lie in a variant's folder."""
    hour: datetime | None
    """Hour in which it was begun, UTC; None where it does not lie in an hour's folder."""


class Place(Protocol):
    """Somewhere with capture files below it."""

    @property
    def name(self) -> str:
        """What to call it."""

    def files(self, selection: Selection = Selection()) -> Iterator[CaptureFile]:  # noqa: B008
        """Yield the files that can hold wanted records, variant by variant, in order of time."""

    def open(self, file: CaptureFile) -> BinaryIO:
        """Open a file, from its beginning."""


@dataclass(frozen=True)
class FolderPlace:
    """A folder on this machine."""

    folder: Path

    @property
    def name(self) -> str:
        """Return the folder, for messages."""
        return str(self.folder)

    def files(self, selection: Selection = Selection()) -> Iterator[CaptureFile]:  # noqa: B008
        """See :class:`Place`.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder {self.folder}")
        above = "/".join(self.folder.resolve().parts[-6:])
        for path in sorted(path for path in self.folder.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file()):
            source = path.relative_to(self.folder).as_posix()
            file = _described(source, f"{above}/{source}", path.stat().st_size)
            if _wanted(file, selection):
                yield file

    def open(self, file: CaptureFile) -> BinaryIO:
        """See :class:`Place`."""
        return (self.folder / file.source).open("rb")


@dataclass(frozen=True)
class BucketPlace:
    """A prefix of an S3 bucket."""

    s3: Any
    """An S3 client."""
    bucket: str
    prefix: str
    """Begins the keys; empty for all of the bucket."""

    @property
    def name(self) -> str:
        """Return the ``s3://`` URI, for messages."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def files(self, selection: Selection = Selection()) -> Iterator[CaptureFile]:  # noqa: B008
        """See :class:`Place`.

        Raises:
            botocore.exceptions.ClientError: S3 refuses.
        """
        prefix = self.prefix if not self.prefix or self.prefix.endswith("/") else f"{self.prefix}/"
        ranged = selection.since is not None or selection.until is not None
        for item in self._below(prefix, selection) if ranged else self._pages(prefix, "Contents"):
            if item["Key"].endswith(SUFFIXES):
                file = _described(item["Key"], item["Key"], item["Size"])
                if _wanted(file, selection):
                    yield file

    def open(self, file: CaptureFile) -> BinaryIO:
        """See :class:`Place`.

        Raises:
            botocore.exceptions.ClientError: S3 refuses.
        """
        if file.size <= _IN_MEMORY:
            return io.BytesIO(self.s3.get_object(Bucket=self.bucket, Key=file.source)["Body"].read())
        import tempfile

        scratch = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
        self.s3.download_fileobj(self.bucket, file.source, scratch)
        scratch.seek(0)
        return scratch

    def folders(self) -> list[str]:
        """Names of the folders right below the prefix.

        Raises:
            botocore.exceptions.ClientError: S3 refuses.
        """
        prefix = f"{self.prefix.rstrip('/')}/" if self.prefix else ""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        below = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
        return [name.removeprefix(prefix).rstrip("/") for name in below]

    def _below(self, prefix: str, selection: Selection) -> Iterator[dict[str, Any]]:
        """Down the folders, past those of other hours."""
        folders = []
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            yield from page.get("Contents", [])
            folders += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        for folder in folders:
            period = _period(folder)
            if period is None or selection.overlaps(*period):
                yield from self._below(folder, selection)

    def _pages(self, prefix: str, member: str) -> Iterator[dict[str, Any]]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from page.get(member, [])


@dataclass(frozen=True)
class EndpointCapture:
    """What an endpoint says of its captures."""

    name: str
    status: str
    destination: str
    """``s3://bucket/prefix`` below which the endpoint's own folder is."""
    variants: tuple[str, ...]
    sampling_percentage: int
    enabled: bool
    """Whether it captures just now."""

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix`` of the endpoint's own folder."""
        return f"{self.destination.rstrip('/')}/{self.name}"


def bucket_place(s3: Any, uri: str) -> BucketPlace:
    """Return the place that an S3 URI names.

    Raises:
        ValueError: *uri* is no S3 URI.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ValueError(f"{uri!r} is no S3 URI: expected s3://bucket/prefix")
    return BucketPlace(s3, bucket, prefix)


def find_place(text: str, session: boto3.Session | None) -> tuple[Place, EndpointCapture | None]:
    """Return the place that a person names, and the endpoint if that is what was named.

    Args:
        text: a folder, ``s3://bucket/prefix``, or the name of an endpoint.
        session: leads to the target; None where it has to be a folder.

    Raises:
        FileNotFoundError: it looks like a folder and is none.
        ValueError: there is no such endpoint, or it has never captured.
        botocore.exceptions.ClientError: AWS refuses.
    """
    if not is_remote(text):
        folder = Path(text).expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {text}")
        return FolderPlace(folder), None
    assert session is not None
    s3 = own_buckets(session)
    if text.startswith("s3://"):
        return bucket_place(s3, text), None
    endpoint = describe_capture(session.client("sagemaker"), text)
    return bucket_place(s3, endpoint.uri), endpoint


def is_remote(text: str) -> bool:
    """Whether *text* is an S3 URI or can be an endpoint's name, and so needs a target to look it up."""
    return text.startswith("s3://") or (
        re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", text) is not None and not Path(text).is_dir()
    )


def describe_capture(sagemaker: Any, name: str) -> EndpointCapture:
    """Where an endpoint captures to, from its DataCaptureConfig.

    Raises:
        ValueError: there is no such endpoint, or it has no Data Capture.
        botocore.exceptions.ClientError: SageMaker refuses for another reason.
    """
    try:
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
    except sagemaker.exceptions.ClientError as error:
        if "Could not find" not in str(error):
            raise
        raise ValueError(
            f"there is neither a folder nor an endpoint {name!r}: {error.response['Error']['Message']}; "
            "`aws sagemaker list-endpoints` says what there is, `harness deploy` makes one"
        ) from None
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    capture = config.get("DataCaptureConfig")
    if not capture:
        raise ValueError(
            f"endpoint {name!r} has no Data Capture: its configuration {endpoint['EndpointConfigName']} "
            "has no DataCaptureConfig"
        )
    return EndpointCapture(
        name=name,
        status=endpoint["EndpointStatus"],
        destination=capture["DestinationS3Uri"],
        variants=tuple(variant["VariantName"] for variant in config["ProductionVariants"]),
        sampling_percentage=capture["InitialSamplingPercentage"],
        enabled=bool(capture.get("EnableCapture")),
    )


def _wanted(file: CaptureFile, selection: Selection) -> bool:
    if selection.variants and file.variant not in selection.variants:
        return False
    return file.hour is None or selection.overlaps(file.hour, file.hour + timedelta(hours=1))


def _described(source: str, path: str, size: int) -> CaptureFile:
    found = _LAYOUT.search(path)
    hour = None
    if found:
        try:
            hour = datetime.strptime(found["hour"], "%Y/%m/%d/%H").replace(tzinfo=UTC)
        except ValueError:  # such as the 31st of February: somebody else's numbers
            found = None
    return CaptureFile(source, size, found["variant"] if found else None, hour)


def _period(folder: str) -> tuple[datetime, datetime] | None:
    """Return when the years, months, days or hours that a folder is of begin and end."""
    found = _PERIOD.search(folder)
    if not found:
        return None
    numbers = [int(number) for number in found.groups() if number is not None]
    year, month, day, hour = [*numbers, *(0, 1, 1, 0)[len(numbers) :]]
    try:
        start = datetime(year, month, day, hour, tzinfo=UTC)
        if len(numbers) == 1:
            return start, start.replace(year=year + 1)
        if len(numbers) == 2:
            return start, (start + timedelta(days=32)).replace(day=1)
        return start, start + (timedelta(days=1) if len(numbers) == 3 else timedelta(hours=1))
    except (ValueError, OverflowError):  # somebody else's numbers
        return None
