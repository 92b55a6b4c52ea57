"""Delivers events to where they are configured to go, each on behalf of the service that has it to tell."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.policies import Asked, read
from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.services import Services

logger = logging.getLogger(__name__)

_THREADS = 8
_PENDING = (0.1, 0.2, 0.4)
"""Seconds between attempts to invoke a function that is just being made."""


class Deliveries:
    """Hands events over.

    Args:
        services: the way to who gets them.
        permissions: know what roles may do.
        account_id: of the events.
    """

    def __init__(self, services: Services, permissions: Permissions, account_id: str) -> None:
        self._services = services
        self._permissions = permissions
        self._account_id = account_id
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="events")
        self._closed = False

    def close(self) -> None:
        """Hand over nothing any more, once what is under way has arrived."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def may_invoke(self, function: str, service: str, source: str) -> bool:
        """Return whether a function's policy lets a service invoke it.

        https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html

        Args:
            function: its ARN, with a qualifier or without.
            service: the principal, e.g. ``s3.amazonaws.com``.
            source: ARN of what sends the event, ``aws:SourceArn``.
        """
        name, qualifier = function.split(":")[6], function.split(":")[7:8]
        parameters = {"FunctionName": name, **({"Qualifier": qualifier[0]} if qualifier else {})}
        try:
            policy = str(self._call("lambda", "GetPolicy", parameters, function.split(":")[3])["Policy"])
        except AwsError:
            return False
        account = source.split(":")[4] or self._account_id
        values = {"aws:sourcearn": [source], "aws:sourceaccount": [account]}
        asked = Asked("lambda:InvokeFunction", function, values.get)
        effects = {
            str(statement.effect)
            for statement in read(policy)
            if statement.covers(asked) and statement.names_principal((service,), "Service") is not None
        }
        return effects == {"Allow"}

    def exists(self, arn: str) -> bool:
        """Whether there is the queue, topic or function *arn*."""
        parts = arn.split(":")
        try:
            if parts[2] == "sqs":
                self._call("sqs", "GetQueueUrl", {"QueueName": parts[5]}, parts[3])
            elif parts[2] == "sns":
                self._call("sns", "GetTopicAttributes", {"TopicArn": arn}, parts[3])
            elif parts[2] == "lambda":
                self._call("lambda", "GetFunction", {"FunctionName": parts[6]}, parts[3])
        except AwsError:
            return False
        return True

    def invoke(self, function: str, event: object, service: str, source: str) -> None:
        """Invoke a function asynchronously; nothing happens where its policy does not allow it.

        Args:
            function: its ARN.
            event: the payload, JSON.
            service: the principal that invokes, e.g. ``s3.amazonaws.com``.
            source: ARN of what sends the event.
        """
        self._later(f"{source} to {function}", self._invoke, function, event, service, source)

    def send(self, queue: str, body: str, group: str | None = None) -> None:
        """Put a message into a queue.

        Args:
            queue: its ARN.
            body: ``MessageBody``.
            group: ``MessageGroupId`` of a FIFO queue; None: it is none.
        """
        self._later(f"to {queue}", self._send, queue, body, group)

    def publish(self, topic: str, message: str, subject: str | None = None) -> None:
        """Publish a message to a topic.

        Args:
            topic: its ARN.
            message: ``Message``.
            subject: ``Subject``; None: none.
        """
        parameters = {"TopicArn": topic, "Message": message, **({"Subject": subject} if subject else {})}
        self._later(f"to {topic}", self._call, "sns", "Publish", parameters, topic.split(":")[3])

    def start(self, machine: str, event: object, role: str | None, name: str) -> None:
        """Start an execution of a state machine.

        Args:
            machine: its ARN.
            event: the input, JSON.
            role: ARN of the role that starts it; None: the emulator itself.
            name: ``RoleSessionName``.
        """
        parameters = {"stateMachineArn": machine, "input": json.dumps(event)}
        session = RoleSession(role, name) if role else None
        self._later(
            f"to {machine}", self._call, "stepfunctions", "StartExecution", parameters, machine.split(":")[3], session
        )

    def _later(self, what: str, act: Any, *arguments: Any) -> None:
        def run() -> None:
            try:
                act(*arguments)
            except AwsError as error:
                logger.warning("event %s: %s", what, error)
            except Exception:
                logger.exception("event %s", what)

        if not self._closed:
            # The trace of the request whose event it is goes along.
            self._pool.submit(copy_context().run, run)

    def _invoke(self, function: str, event: Any, service: str, source: str) -> None:
        if not self.may_invoke(function, service, source):
            logger.warning("%s may not invoke %s for %s: its policy does not allow it", service, function, source)
            return
        payload = json.dumps(event, separators=(",", ":"), default=str).encode()
        parameters = {"FunctionName": function, "InvocationType": "Event", "Payload": payload}
        for pause in (*_PENDING, None):
            try:
                self._call("lambda", "Invoke", parameters, function.split(":")[3])
                return
            except AwsError as error:
                if error.code != "ResourceConflictException" or pause is None:
                    raise
                time.sleep(pause)  # the function is just being made: services try again

    def _send(self, queue: str, body: str, group: str | None) -> None:
        parts = queue.split(":")
        address = self._call("sqs", "GetQueueUrl", {"QueueName": parts[5]}, parts[3])["QueueUrl"]
        grouped = {"MessageGroupId": group} if group else {}
        self._call("sqs", "SendMessage", {"QueueUrl": address, "MessageBody": body, **grouped}, parts[3])

    def _call(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        region: str,
        caller: RoleSession | None = None,
    ) -> Mapping[str, Any]:
        return self._services.call(Call(service, operation, parameters, region, self._account_id, caller))
