"""Queues keep their policy, and tell their redrive policy as AWS writes it.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from harness.emulator.moto.patches import Patch


def queue_patches() -> tuple[Patch, ...]:
    """Have SetQueueAttributes leave what it does not name, and GetQueueAttributes write JSON without spaces."""
    return (
        Patch("moto.sqs.models", "Queue._set_attributes", "a call without Policy removes it", "ours", _set),
        Patch("moto.sqs.models", "SQSBackend.get_queue_attributes", "Terraform sees a change in spaces", "ours", _told),
    )


def _set(original: Any) -> Any:
    @functools.wraps(original)
    def _set_attributes(queue: Any, attributes: Mapping[str, Any], now: float | None = None) -> None:
        kept = {} if getattr(queue, "_policy_json", None) is None else {"Policy": queue.policy}
        original(queue, {**kept, **attributes}, now)

    return _set_attributes


def _told(original: Any) -> Any:
    @functools.wraps(original)
    def get_queue_attributes(*given: Any, **named: Any) -> dict[str, Any]:
        found: dict[str, Any] = original(*given, **named)
        if "RedrivePolicy" in found:
            found["RedrivePolicy"] = json.dumps(json.loads(found["RedrivePolicy"]), separators=(",", ":"))
        return found

    return get_queue_attributes
