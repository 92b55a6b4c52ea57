"""An emulator's parts, put together in the order in which they need one another, and taken apart in the reverse."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.emulator.access.gate import Gate
from harness.emulator.access.permissions import Permissions
from harness.emulator.apigateway.front_doors import FrontDoors
from harness.emulator.clients import Clients, endpoint_variable
from harness.emulator.cloudformation.service import Stacks
from harness.emulator.context import EmulatorContext
from harness.emulator.control import Control
from harness.emulator.door.certificates import CertificateAuthority
from harness.emulator.door.forward_proxy import ForwardProxy
from harness.emulator.door.gateway import Gateway
from harness.emulator.door.relay import Relay
from harness.emulator.door.server import HttpServer
from harness.emulator.events.deliveries import Deliveries
from harness.emulator.faults import Faults
from harness.emulator.identity import ACCESS_KEY_ID, Identity, developer_of
from harness.emulator.kept_state import KeptState
from harness.emulator.lambda_.service import Lambda
from harness.emulator.logs.writer import LogWriter
from harness.emulator.moto.app import MotoApp
from harness.emulator.moto.catalogue import all_patches
from harness.emulator.moto.deliveries import delivery_patches
from harness.emulator.moto.late import Late, LateIam
from harness.emulator.moto.messages import signing_certificate
from harness.emulator.moto.patches import Patches
from harness.emulator.moto.searches import LOADED_LATER, BoundedSearches
from harness.emulator.moto.subscriptions import subscription_patches
from harness.emulator.moto.tags import MotoResources, tagged_elsewhere
from harness.emulator.options import EmulatorOptions, boto3_name_of
from harness.emulator.prices import NoPrices
from harness.emulator.process.scratch import ScratchFolder
from harness.emulator.process.state import private_file
from harness.emulator.process.variables import local_variables
from harness.emulator.quotas import Quotas
from harness.emulator.sagemaker.service import SageMaker
from harness.emulator.scheduler import Schedules
from harness.emulator.services import Services
from harness.emulator.stepfunctions.api import StepFunctions
from harness.emulator.stepfunctions.clock import Clock
from harness.emulator.stepfunctions.integrations.reach import by_services
from harness.emulator.stepfunctions.replay import TaskScript
from harness.emulator.task_web import web_of


@dataclass(frozen=True)
class Parts:
    """A running emulator.

    Attributes:
        server: answers at an address of this machine.
        environment: variables that lead boto3 programs here.
        gateway: answers every request.
        services: those that are ours.
        logs: writes what functions, jobs and executions log.
        patches: what of moto is replaced.
    """

    server: HttpServer
    environment: Mapping[str, str]
    gateway: Gateway
    services: Services
    logs: LogWriter
    patches: Patches


def assemble(options: EmulatorOptions, stack: ExitStack) -> Parts:
    """Start an emulator.

    Args:
        options: how it is to be.
        stack: is given how each part ends; unwinding it stops the emulator.

    Raises:
        OSError: the port is taken.
        StateError: the state folder cannot be used.
    """
    account_id, region = options.account_id, options.region
    state = None
    if options.state is not None:
        state = KeptState(options.state)
        stack.callback(state.close)
    patches = Patches()
    stack.callback(patches.undo)
    late = Late(account_id, region, patches.apply)
    directory = LateIam(account_id, late)
    permissions = Permissions(
        directory, account_id, developer_of(account_id), options.enforce_policies, options.runs("iam")
    )
    patches.apply(all_patches(permissions))
    moto = MotoApp()
    moto.reset()
    stack.callback(moto.reset)
    scratch = ScratchFolder()
    stack.callback(scratch.close)
    clock = Clock()
    faults = Faults(clock)

    relay = Relay(lambda signed_for: clients.endpoint_for(boto3_name_of(signed_for)))
    gateway = Gateway(region, moto.answer, faults, options.signing_names, relay.answer)
    authority = CertificateAuthority(scratch.path, options.authorities)
    proxy = ForwardProxy(authority, options.upstream_proxy)
    server = HttpServer(gateway, options.host, options.port, proxy, options.boundary)
    stack.callback(server.stop)
    clients = Clients(server.url, options.boto3_names, region, account_id, permissions, gateway.answer)
    environment = _environment(options, server.url, authority, scratch.path)
    if state is not None:
        stack.callback(state.save)
    logs = LogWriter(clients)
    stack.callback(logs.close)

    resources = MotoResources(account_id, lambda change_set: stacks.stack_of(change_set))
    gate = Gate(permissions, directory, resources, account_id, region)
    services = Services(gate.check, clients.call)
    stack.callback(services.close)
    context = EmulatorContext(
        account_id,
        region,
        server.url,
        clients,
        logs,
        moto.answer,
        scratch.path,
        permissions,
        faults,
        services,
        gateway.observers,
    )
    compiled = None if options.cache is None else options.cache / "compiled"
    functions = Lambda(context, dict(environment), clock, options.live, options.provided, compiled)
    services.add(functions, options.runs("lambda"))
    script = TaskScript()
    file = None if options.state is None else private_file(options.state, "stepfunctions.sqlite")
    apis = FrontDoors(services.call, account_id, region, permissions)
    web = web_of(apis, permissions, options.http_hosts)
    states = StepFunctions(context, by_services(services), clock, script, file, options.mocks, web)
    services.add(states, options.runs("stepfunctions"))
    recipe = ("--recipe", options.recipe)
    sagemaker = SageMaker(
        context,
        recipe,
        options.frameworks,
        dict(environment),
        options.capture_seconds,
        clock.now,
        options.pace_of_aws,
    )
    services.add(sagemaker, options.runs("sagemaker"))
    services.add(sagemaker.runtime, options.runs("sagemaker"))
    stacks = Stacks(
        context,
        services.call,
        options.skip_unsupported,
        lambda: late.roles,
        None if options.cache is None else options.cache / "translations",
        functions.expect if options.runs("lambda") else lambda runtimes: None,
    )
    services.add(stacks, options.runs("cloudformation"))
    deliveries = Deliveries(services, permissions, account_id)
    stack.callback(deliveries.close)
    patches.apply([tagged_elsewhere(services.tagged), *delivery_patches(deliveries), *subscription_patches(deliveries)])
    schedules = Schedules(context, deliveries, clock.now, options.refuse_past_schedules)
    stack.callback(schedules.close)
    stack.callback(clock.close)

    services.before("cloudwatch", sagemaker.publish_metrics)
    for name in ("scheduler", "events"):
        services.before(name, schedules.prepare)
    searches = BoundedSearches(patches.apply)
    for name in LOADED_LATER:
        services.before(name, searches.prepare)
    identity, quotas = Identity(context), Quotas()
    for name in ("iam", "sts"):
        services.before(name, identity.prepare)
    context.observers.append(identity.observe)
    services.add(quotas, options.runs("service-quotas"))
    services.add(NoPrices(), options.runs("pricing"))
    control = Control(
        functions, sagemaker, script, permissions, clock, faults, states, lambda: dict(environment), quotas, late
    )
    context.observers.append(late.observe)
    gateway.connect(services, permissions, account_id, control.answer)
    urls = functions.urls()
    gateway.url_rules = urls.cors
    gateway.certificates = signing_certificate
    gateway.front_doors = lambda request: urls.answer(request) or apis.answer(request)
    for service in services.all():
        service.start()
    server.start()
    if state is not None:
        state.restore(services, account_id, lambda: gateway.changes, sagemaker.resume)
    return Parts(server, environment, gateway, services, logs, patches)


def _environment(options: EmulatorOptions, url: str, authority: CertificateAuthority, folder: Path) -> dict[str, str]:
    """Variables with which any boto3 program, or the AWS CLI, talks to an emulator and to nothing else.

    Where it runs only some services, the others are where this process's own variables say.
    """
    names = options.boto3_names
    if names is None:
        return local_variables(url, authority, options.region, ACCESS_KEY_ID)
    elsewhere = {name: value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")}
    variables = local_variables(
        url,
        authority,
        options.region,
        options.account_id,  # others, LocalStack for one, take the access key for the account
        config=folder / "aws-config",
        direct=sorted({urlsplit(url).hostname or "" for url in elsewhere.values()}),
    )
    return variables | elsewhere | {endpoint_variable(name): url for name in names}
