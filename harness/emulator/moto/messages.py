"""What SNS writes into messages, where moto writes other than AWS: signatures, and numbers in FIFO topics.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html
"""

from __future__ import annotations

import base64
import functools
import threading
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from werkzeug import Response

from harness.emulator.moto.patches import Patch

_FIRST = 10_000_000_000_000_000_000
_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


def message_patches() -> tuple[Patch, ...]:
    """Have SNS sign as a topic asks it to, and number what it takes for FIFO topics."""
    signed = "moto signs by SHA256 alone, says that all unsubscribe from one topic, and leaves subjects unsigned"
    numbered = "moto gives the messages of FIFO topics no SequenceNumber, and queues no hash of their content"
    return (
        Patch("moto.sns.models", "Subscription.get_post_data", signed, "ours", _post_data),
        Patch("moto.sns.models", "SNSBackend.publish", numbered, "ours", _publish),
        Patch("moto.sns.responses", "SNSResponse.publish", numbered, "ours", _answer),
        Patch("moto.sns.models", "SNSBackend.publish_batch", numbered, "ours", _batch),
    )


def signing_certificate(name: str) -> Response:
    """Answer with the certificate with which SNS has signed a message, by the last part of its ``SigningCertURL``."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.sns.models import sns_backends

    for backend in dict(sns_backends[DEFAULT_ACCOUNT_ID]).values():
        if name in backend._message_public_keys:
            return Response(backend._message_public_keys[name], content_type="application/x-pem-file")
    return Response(status=404)


def _post_data(original: Any) -> Any:
    @functools.wraps(original)
    def get_post_data(subscription: Any, message: str, message_id: str, *more: Any, **named: Any) -> dict[str, Any]:
        topic = subscription.topic
        data: dict[str, Any] = original(subscription, message, message_id, *more, **named)
        version = str(getattr(topic, "signature_version", "") or "1")
        text = "".join(f"{name}\n{data[name]}\n" for name in _SIGNED if data.get(name))
        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = subscription.private_key().sign(text.encode(), padding.PKCS1v15(), algorithm)
        region = topic.sns_backend.region_name
        data |= {
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
            "UnsubscribeURL": (
                f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
            ),
        }
        if topic.fifo_topic:
            data["SequenceNumber"] = topic.sequence_number
        return data

    return get_post_data


def _publish(original: Any) -> Any:
    in_turn = threading.RLock()

    @functools.wraps(original)
    def publish(backend: Any, message: str, arn: str | None, *more: Any, **named: Any) -> str:
        topic = backend.topics.get(arn)
        if topic is None or not topic.fifo_topic:
            return str(original(backend, message, arn, *more, **named))
        with in_turn:  # one message of a FIFO topic is delivered before the next has its number
            if str(topic.content_based_deduplication).lower() == "true":
                named["deduplication_id"] = named.get("deduplication_id") or sha256(message.encode()).hexdigest()
            topic.sequence_number = str(int(getattr(topic, "sequence_number", _FIRST)) + 1)
            message_id = str(original(backend, message, arn, *more, **named))
            topic.numbers = {**getattr(topic, "numbers", {}), message_id: topic.sequence_number}
        return message_id

    return publish


def _number(backend: Any, arn: str | None, message_id: str) -> dict[str, str]:
    """Return the number of a message that was published just now, as an answer has it."""
    number = getattr(backend.topics.get(arn), "numbers", {}).pop(message_id, None)
    return {} if number is None else {"SequenceNumber": number}


def _answer(original: Any) -> Any:
    @functools.wraps(original)
    def publish(response: Any) -> Any:
        answer = original(response)
        arn = response._get_param("TargetArn") or response._get_param("TopicArn")
        answer.result.update(_number(response.backend, arn, answer.result["MessageId"]))
        return answer

    return publish


def _batch(original: Any) -> Any:
    @functools.wraps(original)
    def publish_batch(backend: Any, topic_arn: str, *more: Any, **named: Any) -> Any:
        successful, failed = original(backend, topic_arn, *more, **named)
        return [{**each, **_number(backend, topic_arn, each["MessageId"])} for each in successful], failed

    return publish_batch
