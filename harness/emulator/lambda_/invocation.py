"""The data of one invocation: what goes to a function and what comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from harness.emulator.faults import Strike


@dataclass(frozen=True)
class Image:
    """A container image that is a function, and what its configuration says in place of the image's own."""

    uri: str
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""


@dataclass(frozen=True)
class FunctionVersion:
    """A deployed function as its execution environments need it."""

    arn: str
    """Unqualified ARN."""
    name: str
    version: str
    """``$LATEST`` or a number."""
    handler: str
    runtime: str
    package: Path
    """The deployment package, a ZIP file."""
    code_sha256: str
    variables: tuple[tuple[str, str], ...]
    """The function's environment variables."""
    timeout: float
    """Seconds that an invocation may take."""
    memory_mb: int
    region: str
    account_id: str
    log_group: str
    role: str
    """ARN of the role as which it runs."""
    folder: Path | None = None
    """The folder that it runs from, where its code is live; *package* is then as it was deployed."""
    layers: tuple[Path, ...] = ()
    """Packages of its layers; what a later one brings takes the place of what an earlier one does."""
    is_provisioned: bool = False
    """Whether provisioned concurrency is configured for it."""
    reserved: int | None = None
    """How many of its invocations may run at once."""
    log_format: str = "Text"
    log_level: str = "INFO"
    """Of the function's own log, where it is JSON."""
    system_log_level: str = "INFO"
    """Of Lambda's own lines, where they are JSON."""
    image: Image | None = None
    """Where it is a container image; it has no runtime and no package then."""

    @property
    def revision(self) -> tuple[object, ...]:
        """Equal for two versions whose environments are interchangeable."""
        return (
            self.arn,
            self.version,
            self.handler,
            self.runtime,
            self.code_sha256,
            self.variables,
            self.timeout,
            self.memory_mb,
            self.role,
            self.layers,
            self.is_provisioned,
            self.image,
            self.log_group,
            self.log_format,
            self.log_level,
            self.system_log_level,
        )


@dataclass(frozen=True)
class Invocation:
    """One event on its way to a function."""

    request_id: str
    payload: bytes = field(repr=False)
    """The event, JSON text."""
    invoked_arn: str
    trace_id: str
    client_context: str | None = None
    """JSON text, decoded from the request's base64."""
    strike: Strike | None = None
    """The fault that strikes it."""
    is_loop: bool = False
    """Whether it would go on with a loop, and is not to be run."""


@dataclass(frozen=True)
class Outcome:
    """What an invocation came to."""

    payload: bytes = field(repr=False)
    """The handler's result, or the error object, as JSON text."""
    error: bool = False
    """Whether AWS would answer with ``X-Amz-Function-Error: Unhandled``."""
    log_tail: bytes = b""
    """The last 4 KB of what the invocation logged."""

    @classmethod
    def platform_error(cls, error_type: str, message: str) -> Outcome:
        """Return an error that Lambda itself reports, not the handler: a time-out, a crash, a result too large."""
        text = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":"))
        return cls(text.encode(), error=True)
