"""What stands behind a production variant: something that answers requests as a model container does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class ModelRequest:
    """A request as a container gets it at ``POST /invocations``."""

    body: bytes = field(repr=False)
    content_type: str
    accept: str
    custom_attributes: str | None = None


@dataclass(frozen=True)
class ModelAnswer:
    """A container's answer."""

    status: int
    body: bytes = field(repr=False)
    content_type: str
    custom_attributes: str | None = None


class ModelTimeout(Exception):
    """The model did not answer within a minute."""


class ModelUnreachable(Exception):
    """The model's process is gone or did not answer with HTTP."""


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

    def close(self) -> None:
        """Let go of everything it holds."""
