"""Lambda: the table of its operations, put together, and the environments that functions run in.

https://docs.aws.amazon.com/lambda/latest/api/Welcome.html
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from werkzeug import Request

from harness.emulator.access.sessions import Actor
from harness.emulator.aws_models import documented_errors, service_error
from harness.emulator.context import EmulatorContext
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.validation import check
from harness.emulator.lambda_.asynchronous import AsynchronousInvocations, EventSettings
from harness.emulator.lambda_.codes import Codes
from harness.emulator.lambda_.concurrency import Concurrency
from harness.emulator.lambda_.control_plane import ControlPlane
from harness.emulator.lambda_.event_mappings import EventMappings
from harness.emulator.lambda_.function_settings import FunctionSettings
from harness.emulator.lambda_.function_urls import FunctionUrls
from harness.emulator.lambda_.functions import Functions
from harness.emulator.lambda_.interpreters import Interpreters
from harness.emulator.lambda_.invocation import FunctionVersion, Image, Invocation, Outcome
from harness.emulator.lambda_.invoking import Invoking, checked_payload, client_context_of, trace_id
from harness.emulator.lambda_.layers import Layers, content_of
from harness.emulator.lambda_.live_code import LiveCode, fingerprint
from harness.emulator.lambda_.policies import Policies, policies_about
from harness.emulator.lambda_.pool import EnvironmentPool
from harness.emulator.lambda_.provided import Provided
from harness.emulator.lambda_.records import Function, Store
from harness.emulator.lambda_.references import LATEST, Reference, reference_of
from harness.emulator.lambda_.refusals import function_not_found
from harness.emulator.lambda_.routing import version_for
from harness.emulator.lambda_.starting import EnvironmentStarter
from harness.emulator.lambda_.tags import Tags
from harness.emulator.lambda_.versions import Versions
from harness.emulator.limits import INVOCATION_REQUEST, INVOCATION_RESPONSE
from harness.emulator.moto.app import access_key_of
from harness.emulator.services import Operation
from harness.emulator.stepfunctions.clock import Clock

logger = logging.getLogger(__name__)


class Lambda:
    """Keeps functions and runs them.

    Args:
        context: the emulator's surroundings.
        variables: environment variables for handlers that say where AWS answers and as whom.
        clock: by which failed events wait to be tried again.
        live: folder below which functions may run from the folders that are edited.
        provided: what the user has named for functions: Pythons, folders of layers.
    """

    name = "lambda"
    kept_by_moto: frozenset[str] = frozenset()

    def __init__(
        self,
        context: EmulatorContext,
        variables: dict[str, str],
        clock: Clock,
        live: Path | None = None,
        provided: Provided | None = None,
    ) -> None:
        provided = provided or Provided()
        self._context = context
        self._folder = context.folder / "functions"
        self._lock = threading.Lock()
        self._logs = context.logs
        interpreters = Interpreters(provided.pythons)
        self._starter = EnvironmentStarter(context, variables, self._folder, interpreters)
        self._pool = EnvironmentPool(self._starter.start, comfortable=max(4, 2 * (os.cpu_count() or 1)))
        self._events = AsynchronousInvocations(self._run_event, context.clients, clock)
        self._live = LiveCode(live)
        self._running: Counter[str] = Counter()
        """Invocations under way, by function."""
        self._store = Store()
        codes = Codes(self._folder / "packages", context.clients)
        self._plane = ControlPlane(
            context,
            self._store,
            codes,
            self._live,
            provided,
            interpreters.remark,
            changed=self._start_ahead,
            deleted=self._delete,
        )
        self._mappings = EventMappings(self._plane, self._invoke_for_source)
        self.operations: Mapping[str, Operation] = {
            **Functions(self._plane).operations(),
            **Versions(self._plane).operations(),
            **Policies(self._plane).operations(),
            **Concurrency(self._plane).operations(),
            **FunctionSettings(self._plane).operations(),
            **Layers(self._plane).operations(),
            **Tags(self._plane).operations(),
            **self._mappings.operations(),
            **Invoking(self).operations(),
        }

    # Life cycle

    def start(self) -> None:
        """Begin to read queues."""
        self._mappings.start()

    def flush(self) -> None:
        """Write what functions have logged to CloudWatch Logs now."""
        self._logs.flush()

    def close(self) -> None:
        """End all environments and write what they logged."""
        self._mappings.close()
        self._events.close()
        self._pool.close()
        self._starter.close()

    def kept(self) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        """What outlives a restart: all records, and the packages that they use."""
        yield from self._plane.codes.kept(self._store.digests())
        yield from self._store.kept()

    def restore(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Take back what :meth:`kept` gave."""
        if kind == "code":
            self._plane.codes.keep(bytes(record["zip"]))
            return
        self._store.restore(kind, key, record)
        if kind == "function":
            region, _, name = key.partition("/")
            self._start_ahead(self._store.functions[region, name])

    def tagged(self, region: str) -> Iterable[tuple[str, str, Mapping[str, str]]]:
        """ARN, type and tags of the region's functions."""
        for function in list(self._store.in_region(region)):
            yield function.arn, "lambda:function", function.tags

    def urls(self) -> FunctionUrls:
        """What answers requests to functions' URLs."""
        permissions = self._context.permissions

        def caller(request: Request) -> Actor | None:
            return permissions.session_of(access_key_of(request.headers.get("Authorization", "")))

        return FunctionUrls(self._store, self._context.services.call, permissions, caller)

    def process_ids(self) -> list[int]:
        """Process numbers of all running environments, for those who look at or kill them."""
        return [environment.pid for environment in self._pool.environments()]

    def package(self, digest: str) -> Path | None:
        """Where a function's or layer's package lies; None for one that nothing uses."""
        return self._plane.codes.path(digest) if digest in self._store.digests() else None

    # Invocations

    def prepare(
        self,
        name: str,
        qualifier: str | None,
        payload: bytes,
        region: str,
        request_id: str,
        client_context: str | None = None,
        session: Actor | None = None,
    ) -> tuple[Invocation, FunctionVersion]:
        """Check an invocation and find its function; *session* is who asks.

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
        version = self._version(function, version_for(function, reference.qualifier))
        if function.reserved is not None and self._running[function.arn] >= function.reserved:
            raise _throttled()
        payload = checked_payload(payload)
        context = client_context_of(client_context)
        return Invocation(request_id, payload, reference.arn, trace_id(), context, strike), version

    def run(self, function: FunctionVersion, invocation: Invocation) -> Outcome:
        """Run one invocation in a warm environment, or in a new one.

        Raises:
            AwsError: too many of the function's run already, or its runtime is not emulated.
        """
        strike = invocation.strike
        if strike is not None and strike.error:
            return Outcome.platform_error(strike.error, strike.message)
        with self._counted(function), self._pool.environment(function) as environment:
            outcome = environment.invoke(invocation)
        if strike is not None and strike.truncate is not None:
            outcome = replace(outcome, payload=outcome.payload[: strike.truncate])
        if len(outcome.payload) > INVOCATION_RESPONSE.most:
            refusal = INVOCATION_RESPONSE.refusal()
            return Outcome.platform_error(refusal.code, refusal.message)
        return outcome

    def submit(self, function: FunctionVersion, invocation: Invocation, qualifier: str | None) -> None:
        """Run an invocation that nobody waits for."""
        self._events.submit(function, invocation, self._event_settings(function, qualifier))

    @contextmanager
    def _counted(self, function: FunctionVersion) -> Iterator[None]:
        with self._lock:
            if function.reserved is not None and self._running[function.arn] >= function.reserved:
                raise _throttled()
            self._running[function.arn] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[function.arn] -= 1

    def _find(self, reference: Reference, session: Actor | None = None) -> Function:
        function = self._store.find(reference)
        there = function is not None and (reference.qualifier is None or function.has(reference.qualifier))
        own = policies_about(function, reference.qualifier) if function is not None and there else ()
        self._context.permissions.check(session, "lambda:InvokeFunction", reference.arn, resource_policies=own)
        if function is None or not there:
            named = {"FunctionName": reference.name, "Qualifier": reference.qualifier}
            check("lambda", "Invoke", named)
            raise function_not_found(f"{reference.function_arn}:{reference.qualifier or LATEST}")
        return function

    def _run_event(self, function: FunctionVersion, invocation: Invocation) -> tuple[FunctionVersion, Outcome] | None:
        """One attempt at an event, with the function as it is now; None when it is gone."""
        found = self._store.functions.get((function.region, function.name))
        if found is None or function.version not in found.versions:
            logger.warning("function %s was deleted before an event reached it", function.name)
            return None
        current = self._version(found, function.version)
        while True:
            try:
                return current, self.run(current, invocation)
            except AwsError as error:
                if error.code != "TooManyRequestsException" or not found.reserved:
                    return current, Outcome.platform_error(error.code, error.message)
                time.sleep(0.05)  # the event stays in its queue as long as its function is busy

    def _invoke_for_source(self, arn: str, payload: bytes) -> bytes | None:
        """Invoke a function for a source of events."""
        region = arn.split(":")[3]
        try:
            invocation, function = self.prepare(arn, None, payload, region, str(uuid.uuid4()))
            outcome = self.run(function, invocation)
        except AwsError as error:
            logger.warning("%s does not get its event: %s", arn, error)
            return None
        return None if outcome.error else outcome.payload

    def _event_settings(self, function: FunctionVersion, qualifier: str | None) -> EventSettings:
        found = self._store.functions[function.region, function.name]
        config = found.event_invoke.get(qualifier or LATEST) or found.event_invoke.get(function.version) or {}
        letters = found.versions[function.version].get("DeadLetterConfig") or {}
        return EventSettings.read(config, letters)

    # Environments

    def _version(self, function: Function, version: str) -> FunctionVersion:
        found = function.versions[version]
        runtime = str(found.get("Runtime") or "")
        folder = self._live.folder_of(function.live) if function.live and version == LATEST else None
        layers = [content_of(self._plane, str(each["Arn"])) for each in found.get("Layers") or ()]
        codes = self._plane.codes
        return FunctionVersion(
            arn=function.arn,
            name=function.name,
            version=version,
            handler=str(found.get("Handler") or ""),
            runtime=runtime,
            package=codes.path(function.code[version]),
            code_sha256=str(found["CodeSha256"]) if folder is None else fingerprint(folder),
            variables=tuple(sorted(((found.get("Environment") or {}).get("Variables") or {}).items())),
            timeout=float(found["Timeout"]),
            memory_mb=int(found["MemorySize"]),
            region=function.region,
            account_id=function.account,
            log_group=str(found["LoggingConfig"]["LogGroup"]),
            role=str(found["Role"]),
            folder=folder,
            layers=tuple(path for path in layers if path is not None),
            is_provisioned=any(function.version_of(qualifier) == version for qualifier in function.provisioned),
            reserved=function.reserved,
            image=_image(function.code[version], found) if found["PackageType"] == "Image" else None,
        )

    def _start_ahead(self, function: Function) -> None:
        version = self._version(function, LATEST)
        if not version.runtime.startswith("python"):
            return

        def start() -> None:
            try:
                self._pool.start_ahead(version)
            except Exception as error:  # the first invocation meets it again, and reports it
                logger.debug("environment of %s did not start ahead: %s", function.name, error)

        threading.Thread(target=start, daemon=True).start()

    def _delete(self, function: Function) -> None:
        self._pool.retire(function.arn)
        self._logs.flush()


def _image(uri: str, configuration: Mapping[str, Any]) -> Image:
    given = (configuration.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return Image(
        uri,
        tuple(given.get("EntryPoint") or ()),
        tuple(given.get("Command") or ()),
        str(given.get("WorkingDirectory") or ""),
    )


def _throttled() -> AwsError:
    return AwsError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        429,
        Type="User",
        Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
    )
