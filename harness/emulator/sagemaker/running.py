"""Running endpoints: variants with weights, the model servers behind them, and the invocation itself."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.errors import AwsError
from harness.emulator.faults import Strike
from harness.emulator.limits import ENDPOINT_SECONDS
from harness.emulator.sagemaker.capture import CaptureConfig, Captured, CaptureWriter
from harness.emulator.sagemaker.gate import Gate
from harness.emulator.sagemaker.hosting.asynchronous import AsyncConfig
from harness.emulator.sagemaker.model_server import (
    ModelAnswer,
    ModelRequest,
    ModelServer,
    ModelTimeout,
    ModelUnreachable,
    Streamed,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shadow:
    """A variant that is asked as well, and whose answers nobody gets."""

    variant: Variant
    share: float
    """Of the requests, from 0 to 1."""
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "shadow"), repr=False, compare=False)


@dataclass(frozen=True)
class Variant:
    """A production variant that serves."""

    name: str
    weight: float
    server: ModelServer = field(repr=False)
    role: RoleSession
    """As which it writes captures."""
    multi_model: bool = False
    gate: Gate = field(default_factory=Gate, repr=False, compare=False)


@dataclass(frozen=True)
class RunningEndpoint:
    """An endpoint as the runtime sees it. Replaced as a whole when the endpoint is updated."""

    name: str
    region: str
    account_id: str
    variants: tuple[Variant, ...]
    capture: CaptureConfig | None
    asynchronous: AsyncConfig | None = None
    """Set where it is asked by InvokeEndpointAsync alone."""
    shadow: Shadow | None = None

    def choose(self, target: str | None) -> Variant:
        """Return the variant for one request: the one asked for, or one at random by weight.

        Raises:
            AwsError: the endpoint has no such variant.
        """
        if target is not None:
            for variant in self.variants:
                if variant.name == target:
                    return variant
            raise AwsError("ValidationError", f"Variant {target} not found for endpoint {self.name}.")
        if len(self.variants) == 1:
            return self.variants[0]
        weights = [variant.weight for variant in self.variants]
        if not sum(weights):
            raise AwsError("ValidationError", f"Endpoint {self.name} has no variant that takes traffic.")
        return random.choices(self.variants, weights)[0]

    def weighted(self, weights: Mapping[str, float]) -> RunningEndpoint:
        """Return the same endpoint, its variants of other weight; variants that *weights* does not name keep theirs."""
        variants = (replace(variant, weight=weights.get(variant.name, variant.weight)) for variant in self.variants)
        return replace(self, variants=tuple(variants))

    def invoke(
        self,
        variant: Variant,
        request: ModelRequest,
        inference_id: str | None,
        writer: CaptureWriter,
        strike: Strike | None = None,
    ) -> ModelAnswer:
        """Invoke a variant, and capture the invocation when the endpoint captures.

        Args:
            variant: the production variant that takes it.
            request: body, content type and the like.
            inference_id: ``InferenceId``, for the capture; None: none.
            writer: writes captures.
            strike: the fault applied to it; None: none is.

        Raises:
            AwsError: ``ModelError`` (424) when the model answers an error, too late, or not at all.
        """
        if self.shadow is not None and random.random() < self.shadow.share:
            self.shadow.pool.submit(self._shadow, self.shadow.variant, request, inference_id, writer)
        return self._answer(variant, request, inference_id, writer, strike)

    def stream(self, variant: Variant, request: ModelRequest) -> Streamed:
        """One invocation of a variant, its answer as it comes; such answers are not captured.

        Raises:
            AwsError: ``ModelError`` (424) when the model answers an error, too late, or not at all.
        """
        try:
            answer = variant.server.stream(request)
        except ModelTimeout:
            raise self._model_error("server", 0, ENDPOINT_SECONDS.message) from None
        except ModelUnreachable as error:
            raise self._model_error("server", 500, str(error)) from None
        if answer.status >= 400:
            raise self._refused(answer.whole())
        return answer

    def _answer(
        self,
        variant: Variant,
        request: ModelRequest,
        inference_id: str | None,
        writer: CaptureWriter,
        strike: Strike | None,
    ) -> ModelAnswer:
        now = writer.now()
        try:
            answer = variant.server.invoke(request) if strike is None else _struck(variant.server, request, strike)
        except ModelTimeout:
            raise self._model_error("server", 0, ENDPOINT_SECONDS.message) from None
        except ModelUnreachable as error:
            raise self._model_error("server", 500, str(error)) from None
        if answer.status >= 400:
            raise self._refused(answer)
        capture = self.capture
        if capture is not None and capture.samples():
            name, role = variant.name, variant.role
            writer.put(Captured(capture, self.region, self.name, name, request, answer, inference_id, now, role))
        return answer

    def _shadow(self, variant: Variant, request: ModelRequest, inference_id: str | None, writer: CaptureWriter) -> None:
        try:
            self._answer(variant, request, inference_id, writer, None)
        except AwsError as error:
            logger.warning("shadow variant %s of endpoint %s: %s", variant.name, self.name, error.message)

    def start(self) -> None:
        """Start all model servers.

        Raises:
            RuntimeError: one does not come up; the message is the endpoint's failure reason.
        """
        for variant in (*self.variants, *([self.shadow.variant] if self.shadow is not None else [])):
            variant.server.start()

    def close(self) -> None:
        """Let requests under way finish, then stop all model servers."""
        for variant in self.variants:
            variant.gate.close(ENDPOINT_SECONDS.most)
            variant.server.close()
        if self.shadow is not None:
            self.shadow.pool.shutdown()
            self.shadow.variant.server.close()

    def _refused(self, answer: ModelAnswer) -> AwsError:
        kind = "client" if answer.status < 500 else "server"
        return self._model_error(kind, answer.status, answer.body.decode("utf-8", "replace"))

    def _model_error(self, kind: str, status: int, message: str) -> AwsError:
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        group = f"/aws/sagemaker/Endpoints/{self.name}"
        return AwsError(
            "ModelError",
            f'Received {kind} error ({status}) from primary with message "{message}". '
            f"See {console}#logEventViewer:group={group} in account {self.account_id} for more information.",
            424,
            OriginalStatusCode=status,
            OriginalMessage=message,
            LogStreamArn=f"arn:aws:logs:{self.region}:{self.account_id}:log-group:{group}",
        )


def _struck(server: ModelServer, request: ModelRequest, strike: Strike) -> ModelAnswer:
    """Return what a model answers with a fault applied: late, an error, or nothing since its process is killed."""
    time.sleep(min(strike.latency, ENDPOINT_SECONDS.most))
    if strike.latency >= ENDPOINT_SECONDS.most or strike.error == "ModelTimeout":
        raise ModelTimeout
    if strike.error:
        return ModelAnswer(strike.status or 500, strike.message.encode(), "text/plain")
    if strike.kill:
        pid = getattr(server, "pid", None)
        if pid is None:
            raise ModelUnreachable("the model's process was killed")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return server.invoke(request)
