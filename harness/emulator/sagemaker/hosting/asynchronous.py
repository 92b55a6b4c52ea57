"""Asynchronous inference: what is asked lies in S3, and so does the answer; SNS tells who waits.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from harness.emulator.access.sessions import RoleSession
from harness.emulator.clients import Clients
from harness.emulator.door.errors import AwsError
from harness.emulator.sagemaker.model_data import split_model_uri
from harness.emulator.sagemaker.model_server import ModelAnswer, ModelRequest

logger = logging.getLogger(__name__)

DEFAULT_SECONDS = 900
"""``InvocationTimeoutSeconds`` where a request has none."""
DEFAULT_TTL = 21_600
"""``RequestTTLSeconds`` where a request has none."""
_AT_ONCE = 4
"""Invocations at once where a configuration does not say; AWS chooses then."""
_MOST_SHOWN = 128 << 10


@dataclass(frozen=True)
class AsyncConfig:
    """An endpoint's AsyncInferenceConfig."""

    output: str
    """``s3://bucket/prefix`` without a slash at its end."""
    failures: str | None
    at_once: int
    topics: Mapping[str, str]
    """``SuccessTopic``, ``ErrorTopic``."""
    shows: frozenset[str]
    """``IncludeInferenceResponseIn``."""

    @classmethod
    def read(cls, given: Mapping[str, Any] | None) -> AsyncConfig | None:
        """From CreateEndpointConfig's ``AsyncInferenceConfig``; None where there is none."""
        if not given:
            return None
        output = given["OutputConfig"]
        told = output.get("NotificationConfig") or {}
        failures = output.get("S3FailurePath")
        return cls(
            output["S3OutputPath"].rstrip("/"),
            failures.rstrip("/") if failures else None,
            (given.get("ClientConfig") or {}).get("MaxConcurrentInvocationsPerInstance") or _AT_ONCE,
            {name: told[name] for name in ("SuccessTopic", "ErrorTopic") if told.get(name)},
            frozenset(told.get("IncludeInferenceResponseIn") or ()),
        )


@dataclass(frozen=True)
class Queued:
    """A request that waits for its turn."""

    endpoint: str
    region: str
    role: RoleSession
    """As which S3 is read and written, and SNS told."""
    source: str
    request: ModelRequest
    """Without its body where that is still in S3."""
    given: Mapping[str, str]
    """``contentType``, ``accept`` and ``customAttributes``, as the request had them."""
    ttl: int
    inference_id: str
    output: str
    failures: str | None
    received: float


class AsyncInvocations:
    """Carries out what InvokeEndpointAsync has taken.

    Args:
        clients: where S3 and SNS answer.
        ask: asks an endpoint: its region and name, the request, and the inference's id.
    """

    def __init__(self, clients: Clients, ask: Callable[[str, str, ModelRequest, str], ModelAnswer]) -> None:
        self._clients = clients
        self._ask = ask
        self._pools: dict[tuple[str, str, int], ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self._closed = False

    def put(self, queued: Queued, config: AsyncConfig) -> None:
        """Take a request."""
        key = (queued.region, queued.endpoint, config.at_once)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = ThreadPoolExecutor(config.at_once, f"async-{queued.endpoint}")
            self._pools[key].submit(self._carry_out, queued, config)

    def close(self) -> None:
        """Give up what waits."""
        self._closed = True
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _carry_out(self, queued: Queued, config: AsyncConfig) -> None:
        try:
            answer = self._answer(queued)
        except Exception as error:
            if self._closed:
                return
            reason = _reason(error)
            logger.warning("asynchronous inference %s of %s failed: %s", queued.inference_id, queued.endpoint, reason)
            told: dict[str, Any] = {"invocationStatus": "Failed", "failureReason": reason}
            if queued.failures is not None and self._put(queued, queued.failures, reason.encode(), "text/plain"):
                told["failureLocation"] = queued.failures
            self._notify(queued, config, "Error", told, None)
        else:
            told = {
                "invocationStatus": "Completed",
                "responseParameters": {"contentType": answer.content_type, "outputLocation": queued.output},
            }
            self._notify(queued, config, "Success", told, answer)

    def _answer(self, queued: Queued) -> ModelAnswer:
        if time.time() - queued.received > queued.ttl:
            raise AwsError("ClientError", "The request expired before it could be processed.")
        asked = replace(queued.request, target_model=None)
        if queued.source:
            bucket, key = split_model_uri(queued.source)
            found = self._s3(queued).get_object(Bucket=bucket, Key=key)
            # The SDK says nowhere else but on the object what it has put there.
            kind = queued.given.get("contentType") or found.get("ContentType") or asked.content_type
            asked = replace(asked, body=found["Body"].read(), content_type=kind)
        answer = self._ask(queued.region, queued.endpoint, asked, queued.inference_id)
        bucket, key = split_model_uri(queued.output)
        self._s3(queued).put_object(Bucket=bucket, Key=key, Body=answer.body, ContentType=answer.content_type)
        return answer

    def _put(self, queued: Queued, uri: str, body: bytes, kind: str) -> bool:
        bucket, key = split_model_uri(uri)
        try:
            self._s3(queued).put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind)
        except Exception as error:
            logger.warning("%s cannot be written: %s", uri, error)
            return False
        return True

    def _s3(self, queued: Queued) -> Any:
        return self._clients.get("s3", queued.region, queued.role, own=True)

    def _notify(
        self, queued: Queued, config: AsyncConfig, which: str, told: Mapping[str, Any], answer: ModelAnswer | None
    ) -> None:
        """Tell a topic.

        https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
        """
        topic = config.topics.get(f"{which}Topic")
        if topic is None:
            return
        message = {
            "awsRegion": queued.region,
            "eventTime": _stamp(time.time()),
            "receivedTime": _stamp(queued.received),
            "invocationStatus": told["invocationStatus"],
            "requestParameters": {
                **queued.given,
                "endpointName": queued.endpoint,
                **({"inputLocation": queued.source} if queued.source else {}),
            },
            **told,
            "inferenceId": queued.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        if f"{which.upper()}_NOTIFICATION_TOPIC" in config.shows and answer is not None:
            shown = base64.b64encode(answer.body[:_MOST_SHOWN]).decode()
            message["responseBody"] = {"content": shown, "encoding": "BASE64"}
        try:
            sns = self._clients.get("sns", queued.region, queued.role, own=True)
            sns.publish(TopicArn=topic, Message=json.dumps(message, separators=(",", ":")))
        except Exception as error:
            logger.warning("topic %s cannot be told: %s", topic, error)


def _reason(error: Exception) -> str:
    if isinstance(error, AwsError):
        kind = "ClientError" if error.code in ("ModelError", "ClientError", "ValidationError") else error.code
        return f"{kind}: {error.message}"
    if isinstance(error, ClientError):
        said = error.response["Error"]
        return f"ClientError: {said.get('Code')}: {said.get('Message')}"
    return f"InternalServerError: {error}"


def _stamp(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def new_location(path: str, ending: str = ".out") -> str:
    """Return a new object's address below *path*."""
    return f"{path}/{uuid.uuid4()}{ending}"
