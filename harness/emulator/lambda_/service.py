"""Lambda: the table of its operations, put together, and the environments that functions run in.

https://docs.aws.amazon.com/lambda/latest/api/Welcome.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from werkzeug import Request

from harness.emulator.access.sessions import Actor
from harness.emulator.context import EmulatorContext
from harness.emulator.door.members import Members, blob
from harness.emulator.lambda_.codes import Codes
from harness.emulator.lambda_.concurrency import Concurrency
from harness.emulator.lambda_.control_plane import ControlPlane
from harness.emulator.lambda_.deployed import function_version
from harness.emulator.lambda_.event_mappings import EventMappings
from harness.emulator.lambda_.fleet import Fleet
from harness.emulator.lambda_.function_settings import FunctionSettings
from harness.emulator.lambda_.function_urls import FunctionUrls
from harness.emulator.lambda_.functions import Functions
from harness.emulator.lambda_.interpreters import Interpreters
from harness.emulator.lambda_.invocation import FunctionVersion
from harness.emulator.lambda_.invoking import Invoking
from harness.emulator.lambda_.layers import Layers
from harness.emulator.lambda_.live_code import LiveCode
from harness.emulator.lambda_.policies import Policies
from harness.emulator.lambda_.provided import Provided
from harness.emulator.lambda_.records import Function, Store
from harness.emulator.lambda_.running import FunctionRunner
from harness.emulator.lambda_.starting import EnvironmentStarter
from harness.emulator.lambda_.tags import Tags
from harness.emulator.lambda_.versions import Versions
from harness.emulator.moto.app import access_key_of
from harness.emulator.services import Operation
from harness.emulator.stepfunctions.clock import Clock


class Lambda:
    """Keeps functions and runs them.

    Args:
        context: the emulator's surroundings.
        variables: environment variables for handlers that say where AWS answers and as whom.
        clock: by which failed events wait to be tried again.
        live: folder below which functions may run from the folders that are edited.
        provided: what the user has named for functions: Pythons, folders of layers.
        cache: folder that keeps what another Python has compiled; None: there is none.
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
        cache: Path | None = None,
    ) -> None:
        provided = provided or Provided()
        self._context = context
        self._folder = context.folder / "functions"
        self._logs = context.logs
        interpreters = Interpreters(provided.pythons)
        starter = EnvironmentStarter(context, variables, self._folder, interpreters, cache)
        self._fleet = Fleet(starter, self._version_of)
        self._store = Store()
        codes = Codes(self._folder / "packages", context.clients)
        self._plane = ControlPlane(
            context,
            self._store,
            codes,
            LiveCode(live),
            provided,
            interpreters.remark,
            changed=self._fleet.start_ahead,
            deleted=self._delete,
            provisioned=self._fleet.provision,
            readiness=self._fleet.readiness,
        )
        self.runner = FunctionRunner(context, self._store, self._fleet, self._version_of, clock)
        self._mappings = EventMappings(self._plane, self.runner.invoke_for_source)
        self.operations: Mapping[str, Operation] = {
            **Functions(self._plane).operations(),
            **Versions(self._plane).operations(),
            **Policies(self._plane).operations(),
            **Concurrency(self._plane).operations(),
            **FunctionSettings(self._plane).operations(),
            **Layers(self._plane).operations(),
            **Tags(self._plane).operations(),
            **self._mappings.operations(),
            **Invoking(self.runner, self._plane.settling, provided.refuses_pending).operations(),
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
        self.runner.close()
        self._fleet.close()

    def kept(self) -> Iterable[tuple[str, str, Members]]:
        """Yield what outlives a restart: all records, and the packages that they use."""
        yield from self._plane.codes.kept(self._store.digests())
        yield from self._store.kept()

    def restore(self, kind: str, key: str, record: Members) -> None:
        """Take back what :meth:`kept` gave.

        Args:
            kind: ``code``, or one of the store's.
            key: of the record; a function's is ``region/name``.
            record: its data.
        """
        if kind == "code":
            self._plane.codes.keep(blob(record, "zip"))
            return
        self._store.restore(kind, key, record)
        if kind == "function":
            region, _, name = key.partition("/")
            self._fleet.start_ahead(self._store.functions[region, name])
            self._fleet.provision(self._store.functions[region, name])

    def tagged(self, region: str) -> Iterable[tuple[str, str, Mapping[str, str]]]:
        """ARN, type and tags of the region's functions."""
        for function in list(self._store.in_region(region)):
            yield function.arn, "lambda:function", function.tags

    def urls(self) -> FunctionUrls:
        """Return what answers requests to functions' URLs."""
        permissions = self._context.permissions

        def caller(request: Request) -> Actor | None:
            return permissions.session_of(access_key_of(request.headers.get("Authorization", "")))

        return FunctionUrls(self._store, self._context.services.call, permissions, caller)

    def expect(self, runtimes: Iterable[str]) -> None:
        """Get ready, in the background, for functions of *runtimes*, which are about to be made."""
        self._fleet.expect(runtimes)

    def process_ids(self) -> list[int]:
        """Process numbers of all running environments, for those who look at or kill them."""
        return self._fleet.process_ids()

    def package(self, digest: str) -> Path | None:
        """Where a function's or layer's package lies; None for one that nothing uses."""
        return self._plane.codes.path(digest) if digest in self._store.digests() else None

    def _version_of(self, function: Function, version: str) -> FunctionVersion:
        return function_version(self._plane, function, version)

    def _delete(self, function: Function) -> None:
        self._fleet.forget(function.arn)
        self._logs.flush()
