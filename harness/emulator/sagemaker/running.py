"""Running endpoints: variants with weights, the model servers behind them, and the invocation itself."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.errors import AwsError
from harness.emulator.faults import Strike
from harness.emulator.limits import ENDPOINT_SECONDS
from harness.emulator.sagemaker.capture import CaptureConfig, Captured, CaptureWriter
from harness.emulator.sagemaker.model_server import (
    ModelAnswer,
    ModelRequest,
    ModelServer,
    ModelTimeout,
    ModelUnreachable,
)


class Gate:
    """Counts requests under way, so that what serves them is closed only when none is left."""

    def __init__(self) -> None:
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def enter(self) -> bool:
        """Let one request in; False once the gate is closed."""
        with self._changed:
            if not self._closed:
                self._count += 1
            return not self._closed

    def leave(self) -> None:
        """One request is over."""
        with self._changed:
            self._count -= 1
            if not self._count:
                self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Let nobody in any more, and wait until all are out, for *timeout* seconds at most."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._count, timeout)


@dataclass(frozen=True)
class Variant:
    """A production variant that serves."""

    name: str
    weight: float
    server: ModelServer = field(repr=False)
    role: RoleSession
    """As which it writes captures."""
    gate: Gate = field(default_factory=Gate, repr=False, compare=False)


@dataclass(frozen=True)
class RunningEndpoint:
    """An endpoint as the runtime sees it. Replaced as a whole when the endpoint is updated."""

    name: str
    region: str
    account_id: str
    variants: tuple[Variant, ...]
    capture: CaptureConfig | None

    def choose(self, target: str | None) -> Variant:
        """The variant for one request: the one asked for, or one at random by weight.

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
        """The same endpoint, its variants of other weight; variants that *weights* does not name keep theirs."""
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
        """One invocation of a variant, captured when the endpoint captures; *strike* is the fault that befalls it.

        Raises:
            AwsError: ``ModelError`` (424) when the model answers an error, too late, or not at all.
        """
        now = time.time()
        try:
            answer = variant.server.invoke(request) if strike is None else _struck(variant.server, request, strike)
        except ModelTimeout:
            raise self._model_error("server", 0, ENDPOINT_SECONDS.message) from None
        except ModelUnreachable as error:
            raise self._model_error("server", 500, str(error)) from None
        if answer.status >= 400:
            kind = "client" if answer.status < 500 else "server"
            raise self._model_error(kind, answer.status, answer.body.decode("utf-8", "replace"))
        if self.capture is not None and self.capture.samples():
            writer.put(
                Captured(
                    self.capture,
                    self.region,
                    self.name,
                    variant.name,
                    request,
                    answer,
                    inference_id,
                    now,
                    variant.role,
                )
            )
        return answer

    def close(self) -> None:
        """Let requests under way finish, then stop all model servers."""
        for variant in self.variants:
            variant.gate.close(ENDPOINT_SECONDS.most)
            variant.server.close()

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
    """What a model answers that a fault befalls: late, an error, or nothing since its process is killed."""
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
