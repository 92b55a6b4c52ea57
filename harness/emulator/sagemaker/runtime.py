"""SageMaker Runtime: InvokeEndpoint, InvokeEndpointWithResponseStream, InvokeEndpointAsync.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""

from __future__ import annotations

import http.client
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from werkzeug import Request, Response

from harness.emulator.aws_models import service_error
from harness.emulator.context import EmulatorContext
from harness.emulator.door.answers import answer as written
from harness.emulator.door.errors import AwsError
from harness.emulator.faults import Strike
from harness.emulator.limits import ENDPOINT_BODY
from harness.emulator.moto.app import access_key_of
from harness.emulator.sagemaker.capture import CaptureWriter
from harness.emulator.sagemaker.endpoints import Endpoints
from harness.emulator.sagemaker.hosting.asynchronous import (
    DEFAULT_SECONDS,
    DEFAULT_TTL,
    AsyncInvocations,
    Queued,
    new_location,
)
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest, Streamed
from harness.emulator.sagemaker.running import RunningEndpoint, Variant

_INVOCATION = re.compile(r"^/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)$")
_OPERATIONS = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
_MODEL_ERRORS = ("ModelError", "ModelTimeout")
"""Faults that the model commits, not the service; the second is a minute without an answer, without the wait."""
_OURS = "X-Amzn-SageMaker-"


class Runtime:
    """Answers what is asked of endpoints.

    Args:
        context: the emulator's surroundings.
        endpoints: all endpoints.
        captures: takes what is captured.
    """

    def __init__(self, context: EmulatorContext, endpoints: Endpoints, captures: CaptureWriter) -> None:
        self._context = context
        self._endpoints = endpoints
        self._captures = captures
        self._queue = AsyncInvocations(context.clients, self._ask_queued)

    def answer(self, request: Request, request_id: str, region: str) -> Response:
        """Answer a request.

        Raises:
            AwsError: as the operation documents.
        """
        match = _INVOCATION.match(request.path)
        if match is None:
            raise AwsError("ValidationError", f"not emulated: {request.path}")
        name, operation = unquote(match[1]), _OPERATIONS[match[2]]
        session = self._context.permissions.session_of(access_key_of(request.headers.get("Authorization", "")))
        arn = f"arn:aws:sagemaker:{region}:{self._context.account_id}:endpoint/{name.lower()}"
        self._context.permissions.check(session, f"sagemaker:{operation}", arn)
        if operation == "InvokeEndpointAsync":
            return self._queued(request, request_id, region, name)
        body = request.get_data(cache=True)
        if len(body) > ENDPOINT_BODY.most:
            raise ENDPOINT_BODY.refusal()
        for member in ("Inference-Component", "Enable-Explanations", "Target-Container-Hostname"):
            if request.headers.get(_OURS + member):
                raise AwsError("ValidationError", f"not emulated: {_OURS}{member}")
        if operation == "InvokeEndpoint":
            return self._invoked(request, request_id, region, name, body)
        return self._streamed(request, request_id, region, name, body)

    def close(self) -> None:
        """Give up what waits."""
        self._queue.close()

    def _invoked(self, request: Request, request_id: str, region: str, name: str, body: bytes) -> Response:
        headers = request.headers
        strike = self._strike(name)
        target = headers.get(f"{_OURS}Target-Model")
        asked = ModelRequest(body, *_kinds(request, ""), headers.get(f"{_OURS}Custom-Attributes"), target)
        with self._variant(name, region, headers.get(f"{_OURS}Target-Variant")) as (endpoint, variant):
            _refuse_other_kinds(endpoint, variant, asked)
            answer = endpoint.invoke(variant, asked, headers.get(f"{_OURS}Inference-Id"), self._captures, strike)
        shown = answer.body if strike is None or strike.truncate is None else answer.body[: strike.truncate]
        response = Response(shown, 200, {"x-amzn-RequestId": request_id}, content_type=answer.content_type)
        response.headers["x-Amzn-Invoked-Production-Variant"] = variant.name
        if answer.custom_attributes is not None:
            response.headers[f"{_OURS}Custom-Attributes"] = answer.custom_attributes
        return response

    def _streamed(self, request: Request, request_id: str, region: str, name: str, body: bytes) -> Response:
        headers = request.headers
        self._strike(name)
        asked = ModelRequest(body, *_kinds(request, _OURS), headers.get(f"{_OURS}Custom-Attributes"))
        held = self._variant(name, region, headers.get(f"{_OURS}Target-Variant"))
        endpoint, variant = held.__enter__()
        try:
            _refuse_other_kinds(endpoint, variant, asked)
            answer = endpoint.stream(variant, asked)
        except BaseException:
            held.__exit__(None, None, None)
            raise
        output = {
            "Body": _parts(answer, held),
            "ContentType": answer.content_type,
            "InvokedProductionVariant": variant.name,
            "CustomAttributes": answer.custom_attributes,
        }
        return written("sagemaker-runtime", "InvokeEndpointWithResponseStream", output, request_id)

    def _queued(self, request: Request, request_id: str, region: str, name: str) -> Response:
        headers, received = request.headers, time.time()
        endpoint = self._endpoints.find(name, region)
        config = endpoint.asynchronous
        if config is None:
            raise AwsError("ValidationError", f"Endpoint {name} is not an asynchronous inference endpoint.")
        source = headers.get(f"{_OURS}InputLocation", "")
        if not source.startswith("s3://"):
            raise AwsError("ValidationError", f"InputLocation must be an S3 URI: {source or 'none is given'}")
        kind, accept = _kinds(request, _OURS)
        custom = headers.get(f"{_OURS}Custom-Attributes")
        inference_id = headers.get(f"{_OURS}Inference-Id") or str(uuid.uuid4())
        output = new_location(config.output)
        failure = new_location(config.failures, "-error.out") if config.failures is not None else None
        shown = {
            "accept": headers.get(f"{_OURS}Accept"),
            "contentType": headers.get(f"{_OURS}Content-Type"),
            "customAttributes": custom,
        }
        seconds = _number(headers.get(f"{_OURS}InvocationTimeoutSeconds"), DEFAULT_SECONDS, 3600)
        self._queue.put(
            Queued(
                name,
                region,
                endpoint.variants[0].role,
                source,
                ModelRequest(b"", kind, accept, custom, seconds=seconds),
                {key: value for key, value in shown.items() if value is not None},
                _number(headers.get(f"{_OURS}RequestTTLSeconds"), DEFAULT_TTL, 21_600),
                inference_id,
                output,
                failure,
                received,
            ),
            config,
        )
        answered = {"InferenceId": inference_id, "OutputLocation": output, "FailureLocation": failure}
        return written("sagemaker-runtime", "InvokeEndpointAsync", answered, request_id)

    def _ask_queued(self, region: str, name: str, request: ModelRequest, inference_id: str) -> ModelAnswer:
        strike = self._strike(name)
        with self._variant(name, region, None) as (endpoint, variant):
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
        """The variant for one request, which is not closed before the request is over."""
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


def _kinds(request: Request, beginning: str) -> tuple[str, str]:
    """The request's content type, and what it accepts."""
    headers = request.headers
    kind = headers.get(f"{beginning}Content-Type") or headers.get("Content-Type") or "application/octet-stream"
    return kind, headers.get(f"{beginning}Accept") or "*/*"


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


def _number(text: str | None, otherwise: int, most: int) -> int:
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise AwsError("ValidationError", f"{text} is no number of seconds from 1 to {most}.")
    return int(text)


def _parts(answer: Streamed, held: Any) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    try:
        for part in answer.parts:
            yield {"PayloadPart": {"Bytes": part}}
    except (OSError, http.client.HTTPException) as error:
        words = f"The model's answer ended before its end: {error or type(error).__name__}"
        yield {"ModelStreamError": {"Message": words, "ErrorCode": "ModelInvocationTimeExceeded"}}
    finally:
        held.__exit__(None, None, None)
