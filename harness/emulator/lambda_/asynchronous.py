"""Asynchronous invocations: tried again when they fail, and what then becomes of their events.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from harness.emulator.access.sessions import RoleSession
from harness.emulator.clients import Clients
from harness.emulator.lambda_.invocation import FunctionVersion, Invocation, Outcome
from harness.emulator.stepfunctions.clock import Clock

logger = logging.getLogger(__name__)

WAITS = (60.0, 120.0)
"""Seconds before the second and before the third attempt."""
MOST_ATTEMPTS, LONGEST_AGE = 2, 21600
"""Further attempts, and seconds for which an event is kept, unless the function is configured otherwise."""
_AT_ONCE = 100
"""Events that are run at a time, of all functions."""
_MOST_WORDS = 1024
"""Characters of an error that a dead-letter queue's message carries."""


@dataclass(frozen=True)
class EventSettings:
    """What a function has configured for its asynchronous invocations.

    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionEventInvokeConfig.html
    """

    further_attempts: int = MOST_ATTEMPTS
    longest_age: float = LONGEST_AGE
    """Seconds."""
    destinations: Mapping[str, str] = field(default_factory=dict)
    """ARNs, by ``OnSuccess`` and ``OnFailure``."""
    dead_letters: str | None = None
    """ARN of a queue or topic for events that have failed."""

    @classmethod
    def read(cls, config: Mapping[str, Any], dead_letters: Mapping[str, Any]) -> EventSettings:
        """From PutFunctionEventInvokeConfig's request and from CreateFunction's ``DeadLetterConfig``."""
        attempts, age = config.get("MaximumRetryAttempts"), config.get("MaximumEventAgeInSeconds")
        named = config.get("DestinationConfig") or {}
        return cls(
            MOST_ATTEMPTS if attempts is None else int(attempts),
            LONGEST_AGE if age is None else float(age),
            {when: to["Destination"] for when, to in named.items() if (to or {}).get("Destination")},
            dead_letters.get("TargetArn") or None,
        )


class NoConcurrency(Exception):
    """A function has a reserved concurrency of 0: its events are not even tried."""


class AsynchronousInvocations:
    """Runs events that nobody waits for.

    Args:
        run: one attempt; None when the function is gone.
        clients: where destinations answer.
        clock: by which it waits between attempts.
    """

    def __init__(
        self,
        run: Callable[[FunctionVersion, Invocation], tuple[FunctionVersion, Outcome] | None],
        clients: Clients,
        clock: Clock,
    ) -> None:
        self._run = run
        self._clients = clients
        self._clock = clock
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="asynchronous-invocation")
        self.closed = threading.Event()

    def submit(self, function: FunctionVersion, invocation: Invocation, settings: EventSettings) -> None:
        """Take an event; one that would go on with a loop goes where failed ones go.

        Args:
            function: the version that runs it.
            invocation: the event and its request id.
            settings: of PutFunctionEventInvokeConfig: retries, the event's greatest age in seconds, destinations.
        """
        if invocation.is_loop:
            logger.warning("a recursive loop through function %s is cut", function.name)
            self._pool.submit(self._end, invocation, settings, function, None, 0, "RecursiveInvocation")
            return
        self._pool.submit(self._first, function, invocation, settings)

    def close(self) -> None:
        """Begin nothing any more."""
        self.closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _first(self, function: FunctionVersion, invocation: Invocation, settings: EventSettings) -> None:
        try:
            done = self._run(function, invocation)
        except NoConcurrency:
            self._end(invocation, settings, function, None, 0, "ZeroReservedConcurrency")
            return
        if done is None:
            return
        if not done[1].error or not settings.further_attempts:
            self._end(invocation, settings, *done, 1, "Success" if not done[1].error else "RetriesExhausted")
            return
        # What waits does so on a thread of its own, which has a time of its own.
        threading.Thread(target=self._again, args=(invocation, settings, done), daemon=True).start()

    def _again(
        self, invocation: Invocation, settings: EventSettings, done: tuple[FunctionVersion, Outcome] | None
    ) -> None:
        began, attempts, condition = self._clock.monotonic(), 1, "RetriesExhausted"
        for wait in WAITS[: settings.further_attempts]:
            assert done is not None
            words = done[1].payload.decode("utf-8", "replace")
            logger.info("asynchronous invocation of %s failed, again in %g s: %s", done[0].name, wait, words)
            if self._clock.monotonic() + wait - began > settings.longest_age:
                condition = "EventAgeExceeded"
                break
            self._clock.sleep(wait)
            function = done[0]
            try:
                done = None if self.closed.is_set() else self._run(function, invocation)
            except NoConcurrency:
                self._end(invocation, settings, function, None, attempts, "ZeroReservedConcurrency")
                return
            if done is None:
                return
            attempts += 1
            if not done[1].error:
                condition = "Success"
                break
        assert done is not None
        self._end(invocation, settings, *done, attempts, condition)

    def _end(
        self,
        invocation: Invocation,
        settings: EventSettings,
        function: FunctionVersion,
        outcome: Outcome | None,
        attempts: int,
        condition: str,
    ) -> None:
        words = outcome.payload.decode("utf-8", "replace") if outcome is not None else ""
        failed = outcome is None or outcome.error
        if failed:
            logger.warning("asynchronous invocation of %s failed, %s: %s", function.name, condition, words)
        destination = settings.destinations.get("OnFailure" if failed else "OnSuccess")
        record = json.dumps(_record(invocation, function, outcome, attempts, condition))
        try:
            if destination:
                self._send(destination, function, record, {})
            if failed and settings.dead_letters:
                said = {"RequestID": invocation.request_id, "ErrorCode": "200", "ErrorMessage": words[:_MOST_WORDS]}
                self._send(settings.dead_letters, function, invocation.payload.decode(), said)
        except Exception as error:
            logger.warning("what became of an event of %s could not be sent: %s", function.name, error)

    def _send(self, arn: str, function: FunctionVersion, body: str, attributes: Mapping[str, str]) -> None:
        """Send *body* to a queue, topic, function or event bus, as the function's role."""
        parts = arn.split(":", 5)
        service, region, rest = parts[2], parts[3], parts[5]
        client = self._clients.get(service, region, RoleSession(function.role, function.name))
        kinds = {name: "Number" if name == "ErrorCode" else "String" for name in attributes}
        told = {name: {"DataType": kinds[name], "StringValue": value} for name, value in attributes.items()}
        match service:
            case "sqs":
                own = self._clients.get(service, region)  # a role needs no permission to find the queue
                url = own.get_queue_url(QueueName=rest)["QueueUrl"]
                client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=told)
            case "sns":
                client.publish(TopicArn=arn, Message=body, MessageAttributes=told)
            case "lambda":
                client.invoke(FunctionName=arn, InvocationType="Event", Payload=body.encode())
            case "events":
                entry = {
                    "Source": "lambda",
                    "DetailType": "Lambda Function Invocation Result - "
                    + ("Failure" if '"functionError"' in body else "Success"),
                    "Detail": body,
                    "EventBusName": arn,
                    "Resources": [arn, f"{function.arn}:{function.version}"],
                }
                client.put_events(Entries=[entry])
            case _:
                raise NotImplementedError(f"not emulated: destination {arn}")


def _record(
    invocation: Invocation, function: FunctionVersion, outcome: Outcome | None, attempts: int, condition: str
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": f"{function.arn}:{function.version}",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(invocation.payload),
    }
    if outcome is None:
        return record
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": function.version}
    if outcome.error:
        response["functionError"] = "Unhandled"
    return {**record, "responseContext": response, "responsePayload": json.loads(outcome.payload)}
