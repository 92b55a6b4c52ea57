"""SageMaker Runtime: InvokeEndpoint, InvokeEndpointWithResponseStream, InvokeEndpointAsync.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from harness.emulator.aws_models import service_error
from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, blob, number, optional_text, text
from harness.emulator.faults import Strike
from harness.emulator.limits import ENDPOINT_BODY
from harness.emulator.sagemaker.capture import CaptureWriter
from harness.emulator.sagemaker.hosting.asynchronous import (
    DEFAULT_SECONDS,
    DEFAULT_TTL,
    AsyncInvocations,
    Queued,
    new_location,
)
from harness.emulator.sagemaker.in_service import InService
from harness.emulator.sagemaker.invocation_metrics import InvocationMetrics
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest, Streamed
from harness.emulator.sagemaker.running import RunningEndpoint, Variant
from harness.emulator.services import Stateless

_MODEL_ERRORS = ("ModelError", "ModelTimeout")
"""Faults that the model commits, not the service; the second is a minute without an answer, without the wait."""


class Runtime(Stateless):
    """The service ``sagemaker-runtime``.

    Args:
        context: the emulator's surroundings.
        endpoints: those in service.
        captures: takes what is captured.
        metrics: measures what is asked of models.
    """

    name = "sagemaker-runtime"

    def __init__(
        self, context: EmulatorContext, endpoints: InService, captures: CaptureWriter, metrics: InvocationMetrics
    ) -> None:
        self._context = context
        self._endpoints = endpoints
        self._captures = captures
        self._metrics = metrics
        self._queue = AsyncInvocations(context.clients, self._ask_queued)
        self.operations = {
            "InvokeEndpoint": self._invoke,
            "InvokeEndpointAsync": self._invoke_async,
            "InvokeEndpointWithResponseStream": self._invoke_streaming,
        }

    def close(self) -> None:
        """Give up what waits."""
        self._queue.close()

    def _invoke(self, call: Call) -> Members:
        name, given = self._check(call), call.parameters
        asked = _request(given)
        strike = self._strike(name)
        with self._variant(name, call.region, optional_text(given, "TargetVariant")) as (endpoint, variant):
            _refuse_other_kinds(endpoint, variant, asked)
            with self._metrics.of(call.region, name, variant.name):
                answer = endpoint.invoke(variant, asked, optional_text(given, "InferenceId"), self._captures, strike)
        return {
            "Body": answer.body if strike is None or strike.truncate is None else answer.body[: strike.truncate],
            "ContentType": answer.content_type,
            "InvokedProductionVariant": variant.name,
            "CustomAttributes": answer.custom_attributes,
        }

    def _invoke_streaming(self, call: Call) -> Members:
        name, given = self._check(call), call.parameters
        asked = _request(given)
        self._strike(name)
        held = self._variant(name, call.region, optional_text(given, "TargetVariant"))
        endpoint, variant = held.__enter__()
        try:
            _refuse_other_kinds(endpoint, variant, asked)
            with self._metrics.of(call.region, name, variant.name):
                answer = endpoint.stream(variant, asked)
        except BaseException:
            held.__exit__(None, None, None)
            raise
        return {
            "Body": _parts(answer, held),
            "ContentType": answer.content_type,
            "InvokedProductionVariant": variant.name,
            "CustomAttributes": answer.custom_attributes,
        }

    def _invoke_async(self, call: Call) -> Members:
        name, given, received = self._check(call), call.parameters, time.time()
        endpoint = self._endpoints.find(name, call.region)
        config = endpoint.asynchronous
        if config is None:
            raise AwsError("ValidationError", f"Endpoint {name} is not an asynchronous inference endpoint.")
        source, inline = text(given, "InputLocation", ""), "Body" in given
        if inline == bool(source):
            raise AwsError("ValidationError", "Exactly one of InputLocation and Body must be given.")
        if not inline and not source.startswith("s3://"):
            raise AwsError("ValidationError", f"InputLocation must be an S3 URI: {source}")
        inference_id = optional_text(given, "InferenceId") or str(uuid.uuid4())
        extension = text(given, "S3OutputPathExtension", "").strip("/")
        place = f"{config.output}/{extension}" if extension else config.output
        filename = optional_text(given, "Filename")
        output = f"{place}/{filename}" if filename else new_location(place)
        failure = new_location(config.failures, "-error.out") if config.failures is not None else None
        shown = {"accept": "Accept", "contentType": "ContentType", "customAttributes": "CustomAttributes"}
        seconds = _seconds(given, "InvocationTimeoutSeconds", DEFAULT_SECONDS, 3600)
        self._queue.put(
            Queued(
                name,
                call.region,
                endpoint.variants[0].role,
                source,
                replace(_request(given), seconds=seconds),
                {key: value for key, name in shown.items() if (value := optional_text(given, name)) is not None},
                _seconds(given, "RequestTTLSeconds", DEFAULT_TTL, 21_600),
                inference_id,
                output,
                failure,
                received,
            ),
            config,
        )
        return {"InferenceId": inference_id, "OutputLocation": output, "FailureLocation": failure}

    def _check(self, call: Call) -> str:
        """Return the endpoint's name; refuses who may not ask it, and what is asked in a way that is not emulated."""
        name = text(call.parameters, "EndpointName")
        arn = f"arn:aws:sagemaker:{call.region}:{self._context.account_id}:endpoint/{name.lower()}"
        self._context.permissions.check(call.caller, f"sagemaker:{call.operation}", arn)
        for member in ("InferenceComponentName", "EnableExplanations", "TargetContainerHostname"):
            if call.parameters.get(member):
                raise AwsError("ValidationError", f"not emulated: {member}")
        return name

    def _ask_queued(self, region: str, name: str, request: ModelRequest, inference_id: str) -> ModelAnswer:
        strike = self._strike(name)
        with self._variant(name, region, None) as (endpoint, variant), self._metrics.of(region, name, variant.name):
            return endpoint.invoke(variant, request, inference_id, self._captures, strike)

    def _strike(self, name: str) -> Strike | None:
        """Return the fault that is applied to the endpoint's model.

        Raises:
            AwsError: the fault is applied to the service itself.
        """
        strike = self._context.faults.strike("endpoint", name)
        if strike is not None and strike.error and strike.error not in _MODEL_ERRORS:
            time.sleep(strike.latency)
            raise service_error("sagemaker-runtime", "InvokeEndpoint", strike.error, strike.message, strike.status)
        return strike

    @contextmanager
    def _variant(self, name: str, region: str, target: str | None) -> Iterator[tuple[RunningEndpoint, Variant]]:
        """Choose the variant for one request, which is not closed before the request is over."""
        while True:
            endpoint = self._endpoints.find(name, region)
            variant = endpoint.choose(target)
            if variant.gate.enter():  # closed only when an update or a deletion came between
                break
        self._endpoints.counts.count(region, name, variant.name)
        try:
            yield endpoint, variant
        finally:
            variant.gate.leave()


def _request(given: Members) -> ModelRequest:
    """Return what the model is asked."""
    body = blob(given, "Body")
    if len(body) > ENDPOINT_BODY.most:
        raise ENDPOINT_BODY.refusal()
    return ModelRequest(
        body,
        optional_text(given, "ContentType") or "application/octet-stream",
        optional_text(given, "Accept") or "*/*",
        optional_text(given, "CustomAttributes"),
        optional_text(given, "TargetModel"),
    )


def _refuse_other_kinds(endpoint: RunningEndpoint, variant: Variant, request: ModelRequest) -> None:
    if endpoint.asynchronous is not None:
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint.name} is an asynchronous endpoint: use InvokeEndpointAsync.",
        )
    if request.target_model is not None and not variant.multi_model:
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint.name} is not a multi-model endpoint and does not support target model header.",
        )


def _seconds(given: Members, name: str, default: int, most: int) -> int:
    asked = number(given, name, default)
    if not 1 <= asked <= most:
        raise AwsError("ValidationError", f"{asked} is no number of seconds from 1 to {most}.")
    return asked


def _parts(answer: Streamed, held: AbstractContextManager[object]) -> Iterator[Mapping[str, Members]]:
    try:
        for part in answer.parts:
            yield {"PayloadPart": {"Bytes": part}}
    except (OSError, http.client.HTTPException) as error:
        words = f"The model's answer ended before its end: {error or type(error).__name__}"
        yield {"ModelStreamError": {"Message": words, "ErrorCode": "ModelInvocationTimeExceeded"}}
    finally:
        held.__exit__(None, None, None)
