"""The emulator as a whole: its services put together on one port, started and stopped as one resource."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.emulator.clients import Clients, endpoint_variable
from harness.emulator.context import EmulatorContext
from harness.emulator.door.boundary import Boundary
from harness.emulator.door.relay import Relay
from harness.emulator.faults import Faults
from harness.emulator.identity import ACCESS_KEY_ID
from harness.emulator.logs.writer import LogWriter
from harness.emulator.moto.patches import Patches
from harness.emulator.process.scratch import ScratchFolder
from harness.emulator.process.state import private_file
from harness.emulator.process.variables import local_variables
from harness.emulator.quotas import Quotas, no_prices
from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.replay import TaskScript

if TYPE_CHECKING:
    from types import TracebackType

    from werkzeug import Request

    from harness.emulator.access.permissions import Permissions
    from harness.emulator.cloudformation.service import Stacks
    from harness.emulator.door.certificates import CertificateAuthority
    from harness.emulator.door.gateway import Gateway, Handler, Page
    from harness.emulator.door.server import HttpServer
    from harness.emulator.events.deliveries import Deliveries
    from harness.emulator.identity import Identity
    from harness.emulator.lambda_.provided import Provided
    from harness.emulator.lambda_.service import Lambda
    from harness.emulator.moto.app import MotoApp
    from harness.emulator.process.records import Record
    from harness.emulator.process.state import StateFolder
    from harness.emulator.sagemaker.frameworks import FrameworkEnvironments
    from harness.emulator.sagemaker.service import SageMaker
    from harness.emulator.scheduler import Schedules
    from harness.emulator.services import Keeper, Service, Services
    from harness.emulator.stepfunctions.api import StepFunctions

SERVICES = {
    "s3": ("s3",),
    "iam": ("iam",),
    "sts": ("sts",),
    "logs": ("logs",),
    "lambda": ("lambda",),
    "stepfunctions": ("stepfunctions",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
}
"""What ``--services`` takes, and the boto3 clients that each stands for."""
_SIGNING_NAMES = {"stepfunctions": "states"}
"""Services whose requests are signed for another name than the one in :data:`SERVICES`."""


class Emulator:
    """AWS on one loopback port, for as long as the ``with`` block lasts.

    Args:
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
        region: region for requests that name none.
        account_id: the account that answers.
        services: names out of :data:`SERVICES` to run here, None for all. Calls to the others go where boto3's
            ``AWS_ENDPOINT_URL_<SERVICE>`` variables point.
        upstream_proxy: the HTTP proxy by which this machine reaches other hosts, None where it needs none.
        authorities: PEM file of the certificate authorities that this machine trusts, None for the usual ones.
        recipe: how built-in algorithms train: ``aws``, ``fast``, ``linear``, or ``auto``, which is what is installed.
        capture_seconds: for how long a Data Capture file gathers records.
        frameworks: the environments that stand in for SageMaker's framework containers, None for the usual ones.
        enforce_policies: whether functions and state machines may do only what the policies of their roles allow.
        skip_unsupported: whether stacks leave out, with a note, types of resources that are not emulated.
        live: folder below which functions may run from the folders that are edited, or None.
        provided: what the user has named for functions: Pythons, folders of layers; None for nothing.
        boundary: says who may ask; None for programs on this machine alone.
        mocks: a MockConfigFile of Step Functions Local, or None.
        state: folder in which buckets, roles, logs, models, jobs and endpoints outlive this emulator, or None.

    Raises:
        OSError: on entering, when the port is taken.
        StateError: on entering, when the state folder cannot be used.
        ValueError: a service that the emulator does not have.
        RuntimeError: on entering, when this process runs an emulator already.

    Attributes:
        url: ``http://host:port``, once started.
    """

    _running = threading.Lock()

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        services: frozenset[str] | None = None,
        upstream_proxy: str | None = None,
        authorities: Path | None = None,
        recipe: str = "auto",
        capture_seconds: float = 60.0,
        frameworks: FrameworkEnvironments | None = None,
        state: Path | None = None,
        enforce_policies: bool = True,
        skip_unsupported: bool = False,
        live: Path | None = None,
        provided: Provided | None = None,
        mocks: Path | None = None,
        boundary: Boundary | None = None,
    ) -> None:
        unknown = sorted((services or frozenset()) - SERVICES.keys())
        if unknown:
            raise ValueError(f"no such service: {', '.join(unknown)}; there are {', '.join(SERVICES)}")
        self._host = host
        self._port = port
        self._region = region
        self._account_id = account_id
        self._services = services
        self._upstream_proxy = upstream_proxy
        self._authorities = authorities
        self._recipe = recipe
        self._capture_seconds = capture_seconds
        self._frameworks = frameworks
        self._state = state
        self._enforce_policies = enforce_policies
        self._skip_unsupported = skip_unsupported
        self._live = live
        self._provided = provided
        self._mocks = mocks
        self._boundary = boundary or Boundary(host)
        self._permissions: Permissions | None = None
        self.patches = Patches()
        self._claimed: StateFolder | None = None
        self._kept: StateFolder | None = None
        self._authority: CertificateAuthority | None = None
        self._scratch: ScratchFolder | None = None
        self._folder: Path | None = None
        self._gateway: Gateway | None = None
        self._server: HttpServer | None = None
        self._clients: Clients | None = None
        self._functions: Lambda | None = None
        self._sagemaker: SageMaker | None = None
        self._states: StepFunctions | None = None
        self._stacks: Stacks | None = None
        self._schedules: Schedules | None = None
        self._identity: Identity | None = None
        self._ours: Services | None = None
        self._deliveries: Deliveries | None = None
        self._logs: LogWriter | None = None
        self._clock = Clock()
        self._faults = Faults(self._clock)
        self._script = TaskScript()
        self._quotas = Quotas(region, account_id)
        self._moto: MotoApp | None = None
        self.url = ""

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all services and begin to answer."""
        from harness.emulator.access.gate import Gate
        from harness.emulator.access.permissions import Permissions
        from harness.emulator.apigateway.front_doors import FrontDoors
        from harness.emulator.cloudformation.service import Stacks
        from harness.emulator.control import Control
        from harness.emulator.door.certificates import CertificateAuthority
        from harness.emulator.door.forward_proxy import ForwardProxy
        from harness.emulator.door.gateway import Gateway
        from harness.emulator.door.server import HttpServer
        from harness.emulator.events.deliveries import Deliveries
        from harness.emulator.identity import Identity, developer_of
        from harness.emulator.lambda_.service import Lambda
        from harness.emulator.moto.app import MotoApp
        from harness.emulator.moto.catalogue import all_patches
        from harness.emulator.moto.deliveries import delivery_patches
        from harness.emulator.moto.iam import MotoIam
        from harness.emulator.moto.tags import MotoResources, tagged_elsewhere
        from harness.emulator.sagemaker.service import SageMaker
        from harness.emulator.scheduler import Schedules
        from harness.emulator.services import Services
        from harness.emulator.stepfunctions.api import StepFunctions
        from harness.emulator.stepfunctions.integrations.reach import by_services

        if not self._running.acquire(blocking=False):
            raise RuntimeError("this process runs an emulator already, and moto keeps one account to a process")
        collects = gc.isenabled()
        gc.disable()  # what is loaded now stays
        try:
            if self._state is not None:
                from harness.emulator.process.state import StateFolder

                self._claimed = StateFolder(self._state)
            keeps_roles = self._services is None or "iam" in self._services
            developer = developer_of(self._account_id)
            directory = MotoIam(self._account_id)
            self._permissions = Permissions(directory, self._account_id, developer, self._enforce_policies, keeps_roles)
            self.patches.apply(all_patches(self._permissions))
            self._moto = MotoApp()
            self._moto.reset()
            self._scratch = ScratchFolder()
            self._folder = self._scratch.path
            gateway = self._gateway = Gateway(
                self._region, self._moto.answer, self._faults, self._signing_names(), Relay(self._address_of).answer
            )
            self._authority = CertificateAuthority(self._folder, self._authorities)
            proxy = ForwardProxy(self._authority, self._upstream_proxy)
            self._server = HttpServer(gateway, self._host, self._port, proxy, self._boundary)
            self.url = self._server.url
            clients = self._clients = Clients(
                self.url, self._boto3_names(), self._region, self._account_id, self._permissions, gateway.answer
            )
            self._logs = LogWriter(clients)
            resources = MotoResources(self._account_id, self._stack_of)
            gate = Gate(self._permissions, directory, resources, self._account_id, self._region)
            services = self._ours = Services(gate.check, clients.call)
            context = EmulatorContext(
                self._account_id,
                self._region,
                self.url,
                clients,
                self._logs,
                self._moto.answer,
                self._folder,
                self._permissions,
                self._faults,
                services,
                gateway.observers,
            )
            self._functions = Lambda(context, self.environment(), self._clock, self._live, self._provided)
            self._sagemaker = SageMaker(
                context,
                ("--recipe", self._recipe),
                self._frameworks,
                self.environment(),
                self._capture_seconds,
                self._clock.now,
            )
            self._identity = Identity(context)
            file = self._state_file("stepfunctions.sqlite")
            self._states = StepFunctions(context, by_services(services), self._clock, self._script, file, self._mocks)
            services.add(self._functions, self._is_here("lambda"))
            services.add(self._states, self._is_here("stepfunctions"))
            services.add(self._sagemaker, self._is_here("sagemaker"))
            self._stacks = Stacks(context, services.call, self._skip_unsupported)
            services.add(self._stacks, self._services is None)
            self._deliveries = Deliveries(services, self._permissions, self._account_id)
            self.patches.apply([tagged_elsewhere(services.tagged), *delivery_patches(self._deliveries)])
            self._schedules = Schedules(context, self._deliveries, self._clock.now)
            control = Control(
                self._functions,
                self._sagemaker,
                self._script,
                self._permissions,
                self._clock,
                self._faults,
                self._states,
                self.environment,
                self._quotas,
            )
            gateway.connect(services, self._permissions, self._account_id, self._handlers(), control.answer)
            apis = FrontDoors(services.call, self._account_id, self._region)
            urls = self._functions.urls()
            gateway.front_doors = lambda request: urls.answer(request) or apis.answer(request)
            for service in services.all():
                service.start()
            self._server.start()
            if self._claimed is not None:
                self._keep_state(self._claimed, gateway)
            # What is loaded stays, and need not be walked by every collection (in the demo: 0.6 s instead of 1.0 s of
            # collections, the longest pause 0.15 s instead of 0.24 s).
            gc.freeze()
        except BaseException:
            self._release()
            raise
        finally:
            if collects:
                gc.enable()

    def _keep_state(self, folder: StateFolder, gateway: Gateway) -> None:
        from harness.emulator.process.records import DamagedError

        try:
            self._restore(folder.load())
        except (DamagedError, LookupError, TypeError, ValueError) as error:
            raise folder.damaged(error) from None
        self._kept = folder  # only now: what could not be read must not be written over
        self._kept.keep(lambda: gateway.changes, self._to_keep)

    def _restore(self, records: list[Record]) -> None:
        from harness.emulator.moto.records import KIND, restore_moto

        assert self._sagemaker is not None
        for record in records:
            if record.kind == KIND:
                restore_moto(self._account_id, record)
        for name, keeper in self._keepers().items():  # in their order: what is behind an alias before what calls it
            for record in records:
                of, _, kind = record.kind.partition("/")
                if of == name:
                    keeper.restore(kind, record.key, record.data)
        self._sagemaker.resume()

    def _to_keep(self) -> Iterator[Record]:
        from harness.emulator.moto.records import moto_records
        from harness.emulator.process.records import Record

        yield from moto_records(self._account_id)
        for name, keeper in self._keepers().items():
            for kind, key, data in keeper.kept():
                yield Record(f"{name}/{kind}", key, data)

    def _keepers(self) -> dict[str, Keeper]:
        assert self._functions is not None and self._ours is not None
        return {service.name: service for service in self._ours.all()}

    def mount(self, page: Page) -> None:
        """Have *page* answer below :data:`~harness.emulator.door.gateway.PAGE_PREFIX`, until the emulator stops."""
        assert self._gateway is not None
        self._gateway.page = page

    def stop(self) -> None:
        """Finish what is under way, write what is buffered, end all processes and forget all resources.

        Raises:
            RuntimeError: the state could not be saved; everything has been ended all the same.
        """
        self._release()

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that are ours."""
        return self._ours.all() if self._ours is not None else ()

    def environment(self) -> dict[str, str]:
        """Variables with which any boto3 program, or the AWS CLI, talks to this emulator and to nothing else.

        Where it runs only some services, the others are where this process's own variables say.
        """
        assert self._authority is not None and self._folder is not None
        if self._services is None:
            return local_variables(self.url, self._authority, self._region, ACCESS_KEY_ID)
        elsewhere = {name: value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")}
        here = {endpoint_variable(name): self.url for name in self._boto3_names() or ()}
        access_key_id = self._account_id  # others, LocalStack for one, take it for the account
        variables = local_variables(
            self.url,
            self._authority,
            self._region,
            access_key_id,
            config=self._folder / "aws-config",
            direct=sorted({urlsplit(url).hostname or "" for url in elsewhere.values()}),
        )
        return variables | elsewhere | here

    def control_variables(self) -> dict[str, str]:
        """The variable with the token that the control API wants; none where this machine alone reaches it."""
        return {"HARNESS_CONTROL_TOKEN": self._boundary.token} if self._boundary.token else {}

    def flush(self) -> None:
        """Write buffered logs and capture records now."""
        if self._logs is not None:
            self._logs.flush()
        if self._sagemaker is not None:
            self._sagemaker.flush()
        for service in self._ours.all() if self._ours is not None else ():
            service.flush()

    def _stack_of(self, change_set: str) -> str | None:
        return self._stacks.stack_of(change_set) if self._stacks is not None else None

    def _address_of(self, signing_name: str) -> str:
        assert self._clients is not None
        names = {_SIGNING_NAMES.get(name, name): name for name in SERVICES}
        return self._clients.endpoint_for(names.get(signing_name, signing_name))

    def _is_here(self, service: str) -> bool:
        return self._services is None or service in self._services

    def _signing_names(self) -> frozenset[str] | None:
        if self._services is None:
            return None
        return frozenset(_SIGNING_NAMES.get(service, service) for service in self._services)

    def _boto3_names(self) -> frozenset[str] | None:
        if self._services is None:
            return None
        return frozenset(name for service in self._services for name in SERVICES[service])

    def _state_file(self, name: str) -> Path | None:
        if self._state is None:
            return None
        return private_file(self._state, name)

    def _handlers(self) -> dict[str, Callable[[Request], Handler | None]]:
        functions, sagemaker, identity = self._functions, self._sagemaker, self._identity
        schedules = self._schedules
        assert functions is not None and sagemaker is not None and identity is not None
        assert schedules is not None

        return {
            "sagemaker": lambda request: sagemaker.runtime if request.path.startswith("/endpoints/") else None,
            "iam": lambda request: identity.request,
            "sts": lambda request: identity.request,
            "servicequotas": self._quotas.handler_for,
            "pricing": lambda _: no_prices,
            "scheduler": lambda _: schedules.request,
            "events": lambda _: schedules.request,
        }

    def _release(self) -> None:
        # Captures and logs are written through this very server, so it stops last.
        unsaved = ""
        if self._gateway is not None and self._gateway.page is not None:
            self._gateway.page.close()
        try:
            self._clock.close()
            if self._deliveries is not None:
                self._deliveries.close()
            for service in reversed(self._ours.all() if self._ours is not None else ()):
                service.close()
            if self._schedules is not None:
                self._schedules.close()
            if self._functions is not None:
                self._functions.close()
            if self._logs is not None:
                self._logs.close()
            if self._kept is not None:
                try:
                    self._kept.save(self._to_keep())
                except Exception as error:
                    unsaved = f"the state is as it was some seconds ago, since it could not be saved: {error}"
            if self._server is not None:
                self._server.stop()
        finally:
            self._functions = self._sagemaker = self._states = self._identity = None
            self._stacks = self._schedules = self._ours = None
            self._logs = self._server = self._gateway = None
            if self._claimed is not None:
                self._claimed.close()
            self._claimed = self._kept = None
            if self._moto is not None:
                self._moto.reset()
                self._moto = None
            self.patches.undo()
            if self._scratch is not None:
                self._scratch.close()
                self._scratch = self._folder = None
            gc.unfreeze()
            self._running.release()
        if unsaved:
            raise RuntimeError(unsaved)
