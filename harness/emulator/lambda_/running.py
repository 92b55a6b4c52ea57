"""Invocations, from the request or the event to the outcome.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-invocation.html
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from harness.emulator.access.sessions import Actor
from harness.emulator.aws_models import documented_errors, service_error
from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.trace import MOST, current, next_trace, traced
from harness.emulator.lambda_.asynchronous import AsynchronousInvocations, EventSettings, NoConcurrency
from harness.emulator.lambda_.fleet import Fleet, throttled
from harness.emulator.lambda_.invocation import FunctionVersion, Invocation, Outcome
from harness.emulator.lambda_.payloads import checked_payload, client_context_of
from harness.emulator.lambda_.policies import policies_about
from harness.emulator.lambda_.records import Function, Store
from harness.emulator.lambda_.references import LATEST, Reference, reference_of
from harness.emulator.lambda_.refusals import function_not_found
from harness.emulator.lambda_.routing import version_for
from harness.emulator.lambda_.sources.reading import SourceAnswer
from harness.emulator.lambda_.wording import check_request
from harness.emulator.limits import INVOCATION_REQUEST, INVOCATION_RESPONSE
from harness.emulator.stepfunctions.clock import Clock

logger = logging.getLogger(__name__)


def recursive() -> AwsError:
    """Return what is answered where an invocation would go on with a loop.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    return AwsError(
        "RecursiveInvocationException",
        "Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped "
        "your function's invocation.",
        Type="User",
    )


class FunctionRunner:
    """Runs functions.

    Args:
        context: the emulator's surroundings.
        store: all records.
        fleet: has environments.
        version_of: a function's version as environments need it.
        clock: by which failed events wait to be tried again.
    """

    def __init__(
        self,
        context: EmulatorContext,
        store: Store,
        fleet: Fleet,
        version_of: Callable[[Function, str], FunctionVersion],
        clock: Clock,
    ) -> None:
        self._context = context
        self._store = store
        self._fleet = fleet
        self._version_of = version_of
        self._events = AsynchronousInvocations(self._run_event, context.clients, clock)

    def close(self) -> None:
        """Begin nothing any more."""
        self._events.close()

    def prepare(
        self,
        name: str,
        qualifier: str | None,
        payload: bytes,
        region: str,
        request_id: str,
        client_context: str | None = None,
        session: Actor | None = None,
        queued: bool = False,
    ) -> tuple[Invocation, FunctionVersion]:
        """Check an invocation and find its function.

        Args:
            name: ``FunctionName``: a name, a partial or a whole ARN, with a qualifier or without.
            qualifier: a version, an alias or ``$LATEST``; None: what the name says, or ``$LATEST``.
            payload: the event, JSON.
            region: that is called.
            request_id: that the handler sees as ``aws_request_id``.
            client_context: ``X-Amz-Client-Context``, Base64.
            session: the role's session that asks; None: the emulator itself.
            queued: that it can wait, as an asynchronous invocation does: it is neither throttled nor refused as a loop
                here.

        Raises:
            AwsError: as the Invoke operation documents: function missing, payload no JSON or too large, throttled.
        """
        if len(payload) > INVOCATION_REQUEST.most:
            raise INVOCATION_REQUEST.refusal()
        given = {"FunctionName": name, "Qualifier": qualifier}
        reference = reference_of(Call("lambda", "Invoke", given, region, self._context.account_id, session))
        function = self._find(reference, session)
        strike = self._context.faults.strike("function", function.name)
        if strike is not None and strike.latency:
            time.sleep(strike.latency)
        if strike is not None and strike.error and strike.error in documented_errors("lambda", "Invoke"):
            raise service_error("lambda", "Invoke", strike.error, strike.message, strike.status)
        version = self._version_of(function, version_for(function, reference.qualifier))
        if not queued and self._fleet.is_throttled(version):
            raise throttled()
        payload = checked_payload(payload)
        context = client_context_of(client_context)
        trace, seen = next_trace(current(), function.arn)
        is_loop = seen >= MOST and function.recursion == "Terminate"
        if is_loop and not queued:
            raise recursive()
        return Invocation(request_id, payload, reference.arn, trace, context, strike, is_loop), version

    def run(self, function: FunctionVersion, invocation: Invocation) -> Outcome:
        """Run one invocation in a warm environment, or in a new one.

        Raises:
            AwsError: too many of the function's run already, or its runtime is not emulated.
        """
        strike = invocation.strike
        if strike is not None and strike.error:
            return Outcome.platform_error(strike.error, strike.message)
        with self._fleet.environment(function) as environment:
            outcome = environment.invoke(invocation)
        if strike is not None and strike.truncate is not None:
            outcome = replace(outcome, payload=outcome.payload[: strike.truncate])
        if len(outcome.payload) > INVOCATION_RESPONSE.most:
            refusal = INVOCATION_RESPONSE.refusal()
            return Outcome.platform_error(refusal.code, refusal.message)
        return outcome

    def submit(self, function: FunctionVersion, invocation: Invocation, qualifier: str | None) -> None:
        """Run an invocation that nobody waits for, but the one that would go on with a loop.

        Args:
            function: the version that runs it.
            invocation: the event and its request id.
            qualifier: by which it was asked for, as settings belong to a version or an alias; None: ``$LATEST``.
        """
        self._events.submit(function, invocation, self._event_settings(function, qualifier))

    def _find(self, reference: Reference, session: Actor | None = None) -> Function:
        if reference.account != self._context.account_id:
            raise AwsError(
                "AccessDeniedException",
                f"User: {self._context.permissions.name_of(session)} is not authorized to perform: "
                f"lambda:InvokeFunction on resource: {reference.arn} because no resource-based policy allows the "
                "lambda:InvokeFunction action",
                403,
            )
        function = self._store.find(reference)
        there = function is not None and (reference.qualifier is None or function.has(reference.qualifier))
        own = policies_about(function, reference.qualifier) if function is not None and there else ()
        self._context.permissions.check(session, "lambda:InvokeFunction", reference.arn, resource_policies=own)
        if function is None or not there:
            named = {"FunctionName": reference.name, "Qualifier": reference.qualifier}
            check_request("Invoke", named)
            raise function_not_found(f"{reference.function_arn}:{reference.qualifier or LATEST}")
        return function

    def _run_event(self, function: FunctionVersion, invocation: Invocation) -> tuple[FunctionVersion, Outcome] | None:
        """One attempt at an event, with the function as it is now; None when it is gone.

        Raises:
            NoConcurrency: the function may not run at all.
        """
        wait = 0.05
        while not self._events.closed.is_set():
            found = self._store.functions.get((function.region, function.name))
            if found is None or function.version not in found.versions:
                logger.warning("function %s was deleted before an event reached it", function.name)
                return None
            current = self._version_of(found, function.version)
            try:
                return current, self.run(current, invocation)
            except AwsError as error:
                if error.code != "TooManyRequestsException":
                    return current, Outcome.platform_error(error.code, error.message)
                if found.reserved == 0:
                    raise NoConcurrency from None
            # The event stays in its queue as long as its function is busy.
            self._events.closed.wait(wait)
            wait = min(2 * wait, 1.0)
        return None

    def invoke_for_source(self, arn: str, payload: bytes, trace: str) -> SourceAnswer:
        """Invoke a function for a source of events, and wait for its answer.

        Args:
            arn: of the function, with its qualifier.
            payload: the batch, JSON.
            trace: the trace header of what the events belong to, by which loops are found.
        """
        request_id = str(uuid.uuid4())
        try:
            with traced(trace):
                invocation, function = self.prepare(arn, None, payload, arn.split(":")[3], request_id)
            outcome = self.run(function, invocation)
        except AwsError as error:
            logger.warning("%s does not get its event: %s", arn, error)
            return SourceAnswer(request_id, None, is_loop=error.code == recursive().code)
        return SourceAnswer(request_id, None if outcome.error else outcome.payload, version=function.version)

    def _event_settings(self, function: FunctionVersion, qualifier: str | None) -> EventSettings:
        found = self._store.functions[function.region, function.name]
        config = found.event_invoke.get(qualifier or LATEST) or found.event_invoke.get(function.version) or {}
        letters = found.versions[function.version].get("DeadLetterConfig") or {}
        return EventSettings.read(config, letters)
