"""What stands behind a production variant: something that answers requests as a model container does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from harness.emulator.limits import ENDPOINT_SECONDS

if TYPE_CHECKING:
    from harness.emulator.sagemaker.stub import StubServer


@dataclass(frozen=True)
class ModelRequest:
    """A request as a container gets it at ``POST /invocations``."""

    body: bytes = field(repr=False)
    content_type: str
    accept: str
    custom_attributes: str | None = None
    target_model: str | None = None
    """Which model of a multi-model variant is asked."""
    seconds: float = ENDPOINT_SECONDS.most
    """How long the answer may take."""


@dataclass(frozen=True)
class ModelAnswer:
    """A container's answer."""

    status: int
    body: bytes = field(repr=False)
    content_type: str
    custom_attributes: str | None = None


@dataclass(frozen=True)
class Streamed:
    """A container's answer, read as it comes."""

    status: int
    content_type: str
    custom_attributes: str | None
    parts: Iterator[bytes] = field(repr=False)

    def whole(self) -> ModelAnswer:
        """Return the answer once all of it has come."""
        return ModelAnswer(self.status, b"".join(self.parts), self.content_type, self.custom_attributes)


class ModelTimeout(Exception):
    """The model did not answer in time."""


class ModelUnreachable(Exception):
    """The model's process is gone or did not answer with HTTP."""


class NoRoom(Exception):
    """A container has no memory for one model more."""


class ModelServer(Protocol):
    """Serves one model."""

    is_stub: bool
    """Whether the answers are made up."""

    def start(self) -> None:
        """Make it ready to answer.

        Raises:
            RuntimeError: it cannot be; the message becomes the endpoint's FailureReason.
        """

    def invoke(self, request: ModelRequest) -> ModelAnswer:
        """Answer a request. Called from many threads at once.

        Raises:
            ModelTimeout: no answer in time.
            ModelUnreachable: no answer at all.
        """

    def stream(self, request: ModelRequest) -> Streamed:
        """Answer a request in parts. As :meth:`invoke` otherwise."""

    @property
    def stub(self) -> StubServer | None:
        """The stub that answers, None where a model does."""

    def close(self) -> None:
        """Let go of everything it holds."""
