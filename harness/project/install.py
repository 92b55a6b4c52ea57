"""Carries a plan out with boto3: makes what is missing, changes what differs, leaves the rest alone."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.project.template import FunctionPlan, LogGroupPlan, Plan, RolePlan, StateMachinePlan

if TYPE_CHECKING:
    import boto3

NOT_LOGGED = {"level": "OFF", "includeExecutionData": False}
LIVE_BUCKET = "hot-reload"
"""The bucket's name that stands for folders, in LocalStack and in ``harness up --live``."""
Step = Callable[[str], None]
"""Told what was done, a line a resource: ``created function serializeImageData``."""


@dataclass(frozen=True)
class Deployment:
    """What is deployed now, by name."""

    role_arns: dict[str, str]
    function_arns: dict[str, str]
    state_machine_arns: dict[str, str]


def deploy(
    plan: Plan,
    session: boto3.Session,
    on_step: Step = lambda line: None,
    live: Path | None = None,
    optional: Collection[str] = (),
) -> Deployment:
    """Make the world as *plan* says. Deploying the same plan twice changes nothing the second time.

    Args:
        plan: what there is to be.
        session: leads to the target.
        on_step: told of each thing made or changed.
        live: where the target's emulator runs with ``--live``: that folder as this machine knows it. Functions whose
            code lies below run from there.
        optional: state machines that are left out where Step Functions refuses their definitions.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    iam, logs = session.client("iam"), session.client("logs")
    functions, states = session.client("lambda"), session.client("stepfunctions")
    roles = {role.name: _put_role(iam, role, on_step) for role in plan.roles}
    for group in plan.log_groups:
        _put_log_group(logs, group, on_step)
    function_arns = {function.name: _put_function(functions, function, on_step, live) for function in plan.functions}
    machines = {}
    for machine in plan.state_machines:
        try:
            machines[machine.name] = _put_state_machine(states, machine, on_step)
        except states.exceptions.InvalidDefinition as error:
            if machine.name not in optional:
                raise
            on_step(f"left out state machine {machine.name}, which this Step Functions refuses: {error}")
    return Deployment(roles, function_arns, machines)


def find_deployment(plan: Plan, session: boto3.Session, optional: Collection[str] = ()) -> Deployment | None:
    """Find what *plan* declares by name, whatever it looks like; None where some of it is missing.

    Args:
        plan: what there is to be.
        session: leads to the target.
        optional: names of state machines that may be missing.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    iam, functions = session.client("iam"), session.client("lambda")
    there = _state_machine_arns(session.client("stepfunctions"))
    machines = {item.name: there[item.name] for item in plan.state_machines if item.name in there}
    if any(item.name not in machines and item.name not in optional for item in plan.state_machines):
        return None
    try:
        roles = {role.name: str(iam.get_role(RoleName=role.name)["Role"]["Arn"]) for role in plan.roles}
        function_arns = {
            item.name: str(functions.get_function_configuration(FunctionName=item.name)["FunctionArn"])
            for item in plan.functions
        }
    except (iam.exceptions.NoSuchEntityException, functions.exceptions.ResourceNotFoundException):
        return None
    return Deployment(roles, function_arns, machines)


def destroy(plan: Plan, session: boto3.Session, on_step: Step = lambda line: None) -> None:
    """Remove all that *plan* declares; what is not there any more is passed over.

    Args:
        plan: what was made by it.
        session: leads to the target.
        on_step: told of each thing removed.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    iam, logs = session.client("iam"), session.client("logs")
    functions, states = session.client("lambda"), session.client("stepfunctions")
    for machine in plan.state_machines:
        arn = _state_machine_arns(states).get(machine.name)
        if arn:
            states.delete_state_machine(stateMachineArn=arn)
            on_step(f"deleted state machine {machine.name}")
    for function in plan.functions:
        with contextlib.suppress(functions.exceptions.ResourceNotFoundException):
            functions.delete_function(FunctionName=function.name)
        on_step(f"deleted function {function.name}")
    for group in plan.log_groups:
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=group.name)
        on_step(f"deleted log group {group.name}")
    for role in plan.roles:
        _delete_role(iam, role.name)
        on_step(f"deleted role {role.name}")


def package(folder: Path, beneath: Path | None = None) -> bytes:
    """A function's folder as a ZIP file that is the same, byte for byte, whenever the files are.

    Args:
        folder: the function's code.
        beneath: further files, which those in *folder* hide.
    """
    files: dict[str, Path] = {}
    for root in (beneath, folder):
        if root is not None:
            for path in root.rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts:
                    files[path.relative_to(root).as_posix()] = path
    return zip_files(files)


def zip_files(files: Mapping[str, Path]) -> bytes:
    """A ZIP file that is the same, byte for byte, whenever *files*, by their names in it, are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _put_role(iam: Any, role: RolePlan, on_step: Step) -> str:
    trust = json.dumps(role.trust)
    try:
        arn = str(iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
        on_step(f"created role {role.name}")
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
        arn = str(iam.get_role(RoleName=role.name)["Role"]["Arn"])
    for name, document in role.policies.items():
        iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=json.dumps(document))
    for name in iam.list_role_policies(RoleName=role.name)["PolicyNames"]:
        if name not in role.policies:
            iam.delete_role_policy(RoleName=role.name, PolicyName=name)
    return arn


def _put_log_group(logs: Any, group: LogGroupPlan, on_step: Step) -> None:
    try:
        logs.create_log_group(logGroupName=group.name)
        on_step(f"created log group {group.name}")
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    if group.retention_days is not None:
        logs.put_retention_policy(logGroupName=group.name, retentionInDays=group.retention_days)


def _put_function(functions: Any, function: FunctionPlan, on_step: Step, live: Path | None) -> str:
    code, digest = _code_of(function, live)
    configuration = {
        "Description": function.description,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "Role": function.role_arn,
        "Timeout": function.timeout,
        "MemorySize": function.memory_mb,
        "Environment": {"Variables": function.variables},
    }
    try:
        present = functions.get_function_configuration(FunctionName=function.name)
    except functions.exceptions.ResourceNotFoundException:
        made = functions.create_function(FunctionName=function.name, Code=code, **configuration)
        functions.get_waiter("function_active_v2").wait(FunctionName=function.name)
        on_step(f"created function {function.name}")
        return str(made["FunctionArn"])
    if present["CodeSha256"] != digest:
        functions.update_function_code(FunctionName=function.name, **code)
        functions.get_waiter("function_updated_v2").wait(FunctionName=function.name)
        on_step(f"updated code of {function.name}")
    if _differs(present, configuration):
        functions.update_function_configuration(FunctionName=function.name, **configuration)
        functions.get_waiter("function_updated_v2").wait(FunctionName=function.name)
        on_step(f"updated configuration of {function.name}")
    return str(present["FunctionArn"])


def _code_of(function: FunctionPlan, live: Path | None) -> tuple[dict[str, Any], str | None]:
    """A function's code as CreateFunction takes it, and its digest; None where the code is live and has none."""
    if live is not None and function.code.resolve().is_relative_to(live.resolve()):
        return {"S3Bucket": LIVE_BUCKET, "S3Key": function.code.resolve().relative_to(live.resolve()).as_posix()}, None
    code = package(function.code)
    return {"ZipFile": code}, base64.b64encode(hashlib.sha256(code).digest()).decode()


def _differs(present: dict[str, Any], wanted: dict[str, Any]) -> bool:
    def value_of(key: str) -> Any:
        if key == "Environment":
            return {"Variables": (present.get(key) or {}).get("Variables") or {}}
        return present.get(key) or type(wanted[key])()

    return any(value_of(key) != value for key, value in wanted.items())


def _put_state_machine(states: Any, machine: StateMachinePlan, on_step: Step) -> str:
    wanted = machine.logging or NOT_LOGGED
    logging = {"loggingConfiguration": wanted}
    arn = _state_machine_arns(states).get(machine.name)
    if arn is None:
        made = states.create_state_machine(
            name=machine.name,
            definition=machine.definition,
            roleArn=machine.role_arn,
            **(logging if machine.logging else {}),
        )
        on_step(f"created state machine {machine.name}")
        return str(made["stateMachineArn"])
    present = states.describe_state_machine(stateMachineArn=arn)
    logged = present.get("loggingConfiguration", NOT_LOGGED)
    logged = NOT_LOGGED if logged.get("level") == "OFF" else logged
    if (present["definition"], present["roleArn"], logged) != (machine.definition, machine.role_arn, wanted):
        states.update_state_machine(
            stateMachineArn=arn,
            definition=machine.definition,
            roleArn=machine.role_arn,
            **(logging if logged != wanted else {}),
        )
        on_step(f"updated state machine {machine.name}")
    return arn


def _state_machine_arns(states: Any) -> dict[str, str]:
    pages = states.get_paginator("list_state_machines").paginate()
    return {machine["name"]: machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]}


def _delete_role(iam: Any, name: str) -> None:
    try:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        pass
