"""Events of EventBridge that tell how executions are.

https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from harness.emulator.door.call import Call
from harness.emulator.services import Services
from harness.emulator.stepfunctions.kept_executions import Kept

if TYPE_CHECKING:
    from werkzeug import Request, Response

logger = logging.getLogger(__name__)


class StatusEvents:
    """Tells EventBridge of standard executions, once anybody has made a rule there.

    Args:
        services: the way to EventBridge.
        account: of the executions.
    """

    def __init__(self, services: Services, account: str) -> None:
        self._services = services
        self._account = account
        self._sender: ThreadPoolExecutor | None = None

    def observe(self, service: str, call: Call | None, request: Request, response: Response) -> None:
        """Take note of a rule, before which nobody hears of status changes.

        Args:
            service: boto3's name of the service that answered.
            call: the request, parsed; None for S3.
            request: the HTTP request.
            response: its answer.
        """
        if service == "events" and call is not None and call.operation == "PutRule" and self._sender is None:
            self._sender = ThreadPoolExecutor(1, thread_name_prefix="status-events")

    def tell(self, kept: Kept, redrivable: dict[str, str]) -> None:
        """Tell of an execution as it is now."""
        if self._sender is None:
            return
        detail = {**_detail(kept), **redrivable}
        entry = {
            "Source": "aws.states",
            "DetailType": "Step Functions Execution Status Change",
            "Resources": [kept.arn],
            "Detail": json.dumps(detail),
        }
        self._sender.submit(self._send, entry, kept.arn.split(":")[3])

    def close(self) -> None:
        """Tell of nothing any more."""
        if self._sender is not None:
            self._sender.shutdown(wait=False, cancel_futures=True)

    def _send(self, entry: dict[str, Any], region: str) -> None:
        try:
            self._services.call(Call("events", "PutEvents", {"Entries": [entry]}, region, self._account))
        except Exception as error:  # nobody's execution depends on it
            logger.warning("EventBridge was not told of %s: %s", entry["Resources"][0], error)


def _detail(kept: Kept) -> dict[str, Any]:
    ended = kept.status != "RUNNING"
    return {
        "executionArn": kept.arn,
        "stateMachineArn": kept.machine,
        "stateMachineVersionArn": kept.version,
        "stateMachineAliasArn": kept.alias,
        "name": kept.name,
        "status": kept.status,
        "startDate": round(kept.started * 1000),
        "stopDate": round(kept.stopped * 1000) if kept.stopped is not None else None,
        "input": kept.members["input"],
        "inputDetails": {"included": True},
        "output": kept.members.get("output"),
        "outputDetails": {"included": True} if ended and "output" in kept.members else None,
        "error": kept.members.get("error"),
        "cause": kept.members.get("cause"),
        "redriveCount": kept.redrives,
        "redriveDate": round(kept.redriven * 1000) if kept.redriven is not None else None,
        "redriveStatus": None,
        "redriveStatusReason": None,
    }
