"""SageMaker: moto keeps the resources, this keeps their life: endpoints that come up, serve, capture and go.

Control plane: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
Runtime: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from werkzeug import Request, Response

from harness.emulator.context import EmulatorContext
from harness.emulator.errors import JSON_1_1, AwsError
from harness.emulator.gateway import json_response
from harness.emulator.sagemaker.capture import CaptureConfig, CaptureWriter
from harness.emulator.sagemaker.endpoints import RunningEndpoint, Variant
from harness.emulator.sagemaker.model_server import ModelRequest, ModelServer
from harness.emulator.sagemaker.stub import Script, ScriptError, StubServer

logger = logging.getLogger(__name__)

MAX_BODY = 6_291_456
"""Bytes of an invocation's body: ``BodyBlob`` in SageMaker Runtime's service model."""
STUB_TAG = {"Key": "harness:stub", "Value": "true"}
"""Tag on every endpoint whose answers are made up."""

_INVOCATION = re.compile(r"^/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)$")
_ROLE_ARN = re.compile(r"^arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$")
_NOT_EMULATED = {
    "async-invocations": "asynchronous inference",
    "invocations-response-stream": "response streaming",
}
_STARTED_WITHIN = 1.0


class SageMaker:
    """Answers SageMaker's control plane and runtime.

    Args:
        context: the emulator's surroundings.
    """

    def __init__(self, context: EmulatorContext) -> None:
        self._context = context
        self._running: dict[tuple[str, str], RunningEndpoint] = {}
        self._lock = threading.RLock()
        self._captures = CaptureWriter(context.clients)
        self._actions = {
            "CreateModel": self._create_model,
            "CreateEndpointConfig": self._create_endpoint_config,
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": self._describe_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "DeleteEndpoint": self._delete_endpoint,
        }

    # What the gateway calls

    def control(self, request: Request, request_id: str, region: str) -> Response:
        """Answer one control-plane request; actions that are not ours go to moto.

        Raises:
            AwsError: the request is refused.
        """
        action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        act = self._actions.get(action)
        if act is None:
            return self._context.moto(request)
        answer = act(json.loads(request.get_data() or b"{}"), region, request)
        if isinstance(answer, Response):
            return answer
        body = json.dumps(answer, default=_as_epoch, separators=(",", ":"))
        return Response(body, 200, {"x-amzn-RequestId": request_id}, content_type=JSON_1_1)

    def runtime(self, request: Request, request_id: str, region: str) -> Response:
        """Answer InvokeEndpoint.

        Raises:
            AwsError: as the operation documents.
        """
        match = _INVOCATION.match(request.path)
        if match is None or match[2] in _NOT_EMULATED:
            what = _NOT_EMULATED.get(match[2] if match else "", request.path)
            raise AwsError("ValidationError", f"not emulated: {what}")
        body = request.get_data(cache=True)
        if len(body) > MAX_BODY:
            raise AwsError("413", f"HTTP content length exceeded {MAX_BODY} bytes.", 413)
        headers = request.headers
        endpoint = self._find_running(unquote(match[1]), region)
        variant = endpoint.choose(headers.get("X-Amzn-SageMaker-Target-Variant"))
        answer = endpoint.invoke(
            variant,
            ModelRequest(
                body,
                headers.get("Content-Type") or "application/octet-stream",
                headers.get("Accept") or "*/*",
                headers.get("X-Amzn-SageMaker-Custom-Attributes"),
            ),
            headers.get("X-Amzn-SageMaker-Inference-Id"),
            self._captures,
        )
        response = Response(answer.body, 200, {"x-amzn-RequestId": request_id}, content_type=answer.content_type)
        response.headers["x-Amzn-Invoked-Production-Variant"] = variant.name
        if answer.custom_attributes is not None:
            response.headers["X-Amzn-SageMaker-Custom-Attributes"] = answer.custom_attributes
        return response

    def api(self, request: Request) -> Response:
        """Answer the emulator's own API.

        ``GET endpoints``: what runs, stubs marked; ``PUT endpoints/<name>/script`` and ``DELETE`` of it: script a stub;
        ``GET endpoints/<name>/invocations``: what a stub was asked and answered; ``GET captures``: what Data Capture
        has written and what waits.
        """
        parts = request.path.removeprefix("/_harness/").strip("/").split("/")
        match request.method, parts:
            case "GET", ["captures"]:
                return json_response(self._captures.status())
            case "GET", ["endpoints"]:
                return json_response({"endpoints": self._overview()})
            case (("PUT" | "POST" | "DELETE" | "GET"), ["endpoints", name, what]):
                stub = self._find_stub(name)
                if stub is None:
                    return json_response({"message": f"no stub endpoint {name!r} is in service"}, 404)
                if what == "invocations" and request.method == "GET":
                    return json_response({"invocations": stub.invocations()})
                if what == "script" and request.method != "GET":
                    try:
                        stub.follow(Script() if request.method == "DELETE" else Script.read(request.get_json()))
                    except ScriptError as error:
                        return json_response({"message": str(error)}, 400)
                    return json_response({"status": "scripted"})
        return json_response({"message": f"no {request.method} {request.path} here"}, 404)

    def flush(self) -> None:
        """Write waiting capture records now."""
        self._captures.flush()

    def close(self) -> None:
        """Write waiting capture records and stop all model servers."""
        self._captures.close()
        with self._lock:
            endpoints, self._running = list(self._running.values()), {}
        for endpoint in endpoints:
            endpoint.close()

    # Actions

    def _create_model(self, parameters: Mapping[str, Any], region: str, request: Request) -> Response:
        backend = self._backend(region)
        name = parameters.get("ModelName", "")
        if name in backend._models:
            raise _refusal(f'Cannot create already existing model "{self._arn("model", name, region)}".')
        role = parameters.get("ExecutionRoleArn")
        if role is None:
            raise _refusal("ExecutionRoleArn is required to create a model.")
        if not _ROLE_ARN.match(role):
            raise _refusal(
                f"1 validation error detected: Value '{role}' at 'executionRoleArn' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {_ROLE_ARN.pattern}"
            )
        answer = self._context.moto(request)
        model = backend._models.get(name)
        if model is not None and not model.vpc_config:
            model.vpc_config = None  # moto would describe an empty one, which the service model does not allow
        return answer

    def _create_endpoint_config(self, parameters: Mapping[str, Any], region: str, request: Request) -> Response:
        backend = self._backend(region)
        name = parameters.get("EndpointConfigName", "")
        if name in backend.endpoint_configs:
            arn = self._arn("endpoint-config", name, region)
            raise _refusal(f'Cannot create already existing endpoint configuration "{arn}".')
        names = [variant["VariantName"] for variant in parameters["ProductionVariants"]]
        if len(set(names)) != len(names):
            raise _refusal("Production variant names must be unique within an endpoint configuration.")
        for variant in parameters["ProductionVariants"]:
            if "ServerlessConfig" in variant:
                raise _refusal("not emulated: serverless inference")
            model = variant.get("ModelName", "")
            if model not in backend._models:
                raise _refusal(f'Could not find model "{self._arn("model", model, region)}".')
        if parameters.get("AsyncInferenceConfig"):
            raise _refusal("not emulated: asynchronous inference")
        _check_capture(parameters.get("DataCaptureConfig"))
        return self._context.moto(request)

    def _create_endpoint(self, parameters: Mapping[str, Any], region: str, request: Request) -> dict[str, Any]:
        name, config_name = parameters["EndpointName"], parameters["EndpointConfigName"]
        backend = self._backend(region)
        arn = self._arn("endpoint", name, region)
        with self._lock:
            if name in backend.endpoints:
                raise _refusal(f'Cannot create already existing endpoint "{arn}".')
            self._require_config(config_name, region)
            endpoint = backend.create_endpoint(name, config_name, list(parameters.get("Tags") or []))
            endpoint.endpoint_status = "Creating"
        self._bring_up(name, region, "Creating")
        return {"EndpointArn": arn}

    def _update_endpoint(self, parameters: Mapping[str, Any], region: str, request: Request) -> dict[str, Any]:
        name, config_name = parameters["EndpointName"], parameters["EndpointConfigName"]
        with self._lock:
            endpoint = self._require_endpoint(name, region)
            if endpoint.endpoint_status != "InService":
                arn = self._arn("endpoint", name, region)
                raise _refusal(f'Cannot update in-progress endpoint "{arn}".')
            config = self._require_config(config_name, region)
            endpoint.endpoint_config_name = config_name
            endpoint.production_variants = endpoint._process_production_variants(config["ProductionVariants"])
            endpoint.data_capture_config = config.get("DataCaptureConfig") or {}
        self._bring_up(name, region, "Updating")
        return {"EndpointArn": self._arn("endpoint", name, region)}

    def _describe_endpoint(self, parameters: Mapping[str, Any], region: str, request: Request) -> dict[str, Any]:
        name = parameters["EndpointName"]
        with self._lock:
            endpoint = self._require_endpoint(name, region)
            answer: dict[str, Any] = {
                "EndpointName": name,
                "EndpointArn": self._arn("endpoint", name, region),
                "EndpointConfigName": endpoint.endpoint_config_name,
                "ProductionVariants": [
                    _variant_summary(variant, self._model_image(endpoint, variant["VariantName"], region))
                    for variant in endpoint.production_variants
                ],
                "EndpointStatus": endpoint.endpoint_status,
                "CreationTime": endpoint.creation_time,
                "LastModifiedTime": endpoint.last_modified_time,
            }
            if endpoint.failure_reason:
                answer["FailureReason"] = endpoint.failure_reason
            if endpoint.data_capture_config:
                answer["DataCaptureConfig"] = _capture_summary(endpoint.data_capture_config)
        return answer

    def _delete_endpoint(self, parameters: Mapping[str, Any], region: str, request: Request) -> Response:
        name = parameters["EndpointName"]
        with self._lock:
            self._require_endpoint(name, region).endpoint_status = "Deleting"
            running = self._running.pop((region, name), None)
        self._captures.flush()
        if running is not None:
            running.close()
        return self._context.moto(request)

    # Life cycle

    def _bring_up(self, name: str, region: str, status: str) -> None:
        endpoint = self._backend(region).endpoints[name]
        endpoint.endpoint_status = status
        done = threading.Event()
        thread = threading.Thread(target=self._start, args=(name, region, done), name=f"endpoint-{name}", daemon=True)
        thread.start()
        # A model that is ready at once is in service when the call returns: waiters ask only every 30 seconds.
        done.wait(_STARTED_WITHIN)

    def _start(self, name: str, region: str, done: threading.Event) -> None:
        endpoint = self._backend(region).endpoints[name]
        variants: list[Variant] = []
        try:
            config = self._require_config(endpoint.endpoint_config_name, region)
            for variant in config["ProductionVariants"]:
                server = self._model_server(variant, region)
                server.start()
                weight = float(variant.get("InitialVariantWeight", 1.0))
                variants.append(Variant(variant["VariantName"], weight, server))
            running = RunningEndpoint(
                name,
                region,
                self._context.account_id,
                tuple(variants),
                CaptureConfig.read(config.get("DataCaptureConfig")),
            )
            with self._lock:
                previous = self._running.get((region, name))
                self._running[region, name] = running
                stub = any(variant.server.is_stub for variant in variants)
                endpoint.tags = [tag for tag in endpoint.tags if tag != STUB_TAG] + ([STUB_TAG] if stub else [])
                endpoint.last_modified_time = datetime.now(UTC).replace(tzinfo=None)
                endpoint.endpoint_status = "InService"
            if stub:
                logger.warning("endpoint %s is a stub: its answers are made up", name)
            if previous is not None:
                previous.close()
        except Exception as error:
            for variant in variants:
                variant.server.close()
            endpoint.failure_reason = str(error)
            endpoint.endpoint_status = "Failed"
            logger.warning("endpoint %s failed: %s", name, error)
        finally:
            done.set()

    def _model_server(self, variant: Mapping[str, Any], region: str) -> ModelServer:
        return StubServer()

    # Look-ups

    def _backend(self, region: str) -> Any:
        from moto.sagemaker.models import sagemaker_backends

        return sagemaker_backends[self._context.account_id][region]

    def _arn(self, kind: str, name: str, region: str) -> str:
        return f"arn:aws:sagemaker:{region}:{self._context.account_id}:{kind}/{name.lower()}"

    def _require_endpoint(self, name: str, region: str) -> Any:
        endpoint = self._backend(region).endpoints.get(name)
        if endpoint is None:
            raise _refusal(f'Could not find endpoint "{self._arn("endpoint", name, region)}".')
        return endpoint

    def _require_config(self, name: str, region: str) -> dict[str, Any]:
        config = self._backend(region).endpoint_configs.get(name)
        if config is None:
            arn = self._arn("endpoint-config", name, region)
            raise _refusal(f'Could not find endpoint configuration "{arn}".')
        return dict(config.response_object)

    def _find_running(self, name: str, region: str) -> RunningEndpoint:
        running = self._running.get((region, name))
        if running is not None:
            return running
        account = self._context.account_id
        if name in self._backend(region).endpoints:
            raise AwsError(
                "ValidationError",
                f"Endpoint {name} of account {account} is not in InService state and cannot be invoked.",
            )
        raise AwsError("ValidationError", f"Endpoint {name} of account {account} not found.")

    def _find_stub(self, name: str) -> StubServer | None:
        with self._lock:
            for (_, running_name), endpoint in self._running.items():
                if running_name == name:
                    for variant in endpoint.variants:
                        if isinstance(variant.server, StubServer):
                            return variant.server
        return None

    def _overview(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {
                    "name": endpoint.name,
                    "region": endpoint.region,
                    "variants": [
                        {"name": variant.name, "weight": variant.weight, "stub": variant.server.is_stub}
                        for variant in endpoint.variants
                    ],
                    "capture": endpoint.capture.destination if endpoint.capture else None,
                }
                for endpoint in self._running.values()
            ]

    def _model_image(self, endpoint: Any, variant_name: str, region: str) -> str:
        config = self._backend(region).endpoint_configs.get(endpoint.endpoint_config_name)
        for variant in config.production_variants if config else ():
            model = self._backend(region)._models.get(variant.get("ModelName"))
            if variant["VariantName"] == variant_name and model is not None:
                return str((model.primary_container or {}).get("Image", ""))
        return ""


def _refusal(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _check_capture(config: Mapping[str, Any] | None) -> None:
    if config is None:
        return
    for member in ("InitialSamplingPercentage", "DestinationS3Uri", "CaptureOptions"):
        if config.get(member) is None:
            raise _refusal(
                f"1 validation error detected: Value null at 'dataCaptureConfig.{member[0].lower()}{member[1:]}' "
                "failed to satisfy constraint: Member must not be null"
            )
    percentage = config["InitialSamplingPercentage"]
    if not 0 <= percentage <= 100:
        bound = "less than or equal to 100" if percentage > 100 else "greater than or equal to 0"
        raise _violation(percentage, "initialSamplingPercentage", f"have value {bound}")
    pattern = r"^(https|s3)://([^/])/?(.*)$"
    if not re.match(pattern, config["DestinationS3Uri"]):
        raise _violation(
            config["DestinationS3Uri"], "destinationS3Uri", f"satisfy regular expression pattern: {pattern}"
        )


def _violation(value: object, member: str, constraint: str) -> AwsError:
    return _refusal(
        f"1 validation error detected: Value '{value}' at 'dataCaptureConfig.{member}' failed to satisfy constraint: "
        f"Member must {constraint}"
    )


def _variant_summary(variant: Mapping[str, Any], image: str) -> dict[str, Any]:
    summary = dict(variant)
    summary.setdefault("CurrentWeight", 1.0)
    summary.setdefault("DesiredWeight", 1.0)
    if image:
        summary["DeployedImages"] = [{"SpecifiedImage": image, "ResolvedImage": image}]
    return summary


def _capture_summary(config: Mapping[str, Any]) -> dict[str, Any]:
    on = bool(config.get("EnableCapture"))
    return {
        "EnableCapture": on,
        "CaptureStatus": "Started" if on else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def _as_epoch(value: object) -> float:
    assert isinstance(value, datetime)
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
