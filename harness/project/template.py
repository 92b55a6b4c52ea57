"""Reads a SAM template into a plan: what is to be deployed, in full, before anything is.

AWS's own translator (aws-sam-translator) turns a SAM template into CloudFormation, which local targets do not have for
these services, and its import alone takes longer than the emulator's start. This module reads the resource types that
the workflow is made of and refuses every other by name; a test holds its plan against what the translator makes of
the same template.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class TemplateError(ValueError):
    """The template cannot be deployed; the message names the place and what is wrong with it."""


@dataclass(frozen=True)
class RolePlan:
    """An IAM role with its inline policies."""

    name: str
    trust: dict[str, Any]
    policies: dict[str, dict[str, Any]]
    """Policy documents by name."""


@dataclass(frozen=True)
class LogGroupPlan:
    """A CloudWatch Logs group."""

    name: str
    retention_days: int | None


@dataclass(frozen=True)
class FunctionPlan:
    """A Lambda function."""

    name: str
    description: str
    runtime: str
    handler: str
    code: Path
    """Folder of the function's code."""
    role_arn: str
    timeout: int
    """Seconds."""
    memory_mb: int
    variables: dict[str, str]


@dataclass(frozen=True)
class StateMachinePlan:
    """A Step Functions state machine."""

    name: str
    definition: str
    """Amazon States Language, with all substitutions made."""
    role_arn: str
    logging: dict[str, Any] | None = None
    """``loggingConfiguration`` as CreateStateMachine takes it."""

    @property
    def is_distributed(self) -> bool:
        """Whether a state of it is a Distributed Map."""
        return bool(re.search(r'"Mode"\s*:\s*"DISTRIBUTED"', self.definition))


@dataclass(frozen=True)
class Plan:
    """All that a template declares, in the order in which it can be made."""

    roles: tuple[RolePlan, ...]
    log_groups: tuple[LogGroupPlan, ...]
    functions: tuple[FunctionPlan, ...]
    state_machines: tuple[StateMachinePlan, ...]


def read_plan(template: Path, parameters: Mapping[str, str], *, account_id: str, region: str) -> Plan:
    """The plan of a SAM template.

    Args:
        template: path of the template; code and definitions are found relative to it.
        parameters: values of the template's parameters; those left out take their default.
        account_id: for ``AWS::AccountId``.
        region: for ``AWS::Region``.

    Raises:
        TemplateError: the template is not valid, uses something that is not supported here, or lacks a parameter.
        OSError: a file it names cannot be read.
    """
    return _Reader(template, parameters, account_id, region).plan()


_SUBSTITUTION = re.compile(r"\$\{([^!{}][^{}]*)\}")


class _Reader:
    def __init__(self, template: Path, parameters: Mapping[str, str], account_id: str, region: str) -> None:
        self._folder = template.parent
        self._document = load_template(template)
        self._resources: dict[str, dict[str, Any]] = self._document.get("Resources") or {}
        self._globals = (self._document.get("Globals") or {}).get("Function", {})
        self._account_id = account_id
        self._region = region
        self._values = {
            "AWS::AccountId": account_id,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            **self._parameters(parameters),
        }

    def plan(self) -> Plan:
        made: dict[str, list[Any]] = {kind: [] for kind in _READERS}
        for name, resource in self._resources.items():
            kind = resource.get("Type", "")
            if kind not in _READERS:
                raise TemplateError(
                    f"Resources.{name}: {kind or 'a resource without a Type'} is not supported by the local targets; "
                    f"they deploy {', '.join(_READERS)}"
                )
            made[kind].append(_READERS[kind](self, name, resource.get("Properties") or {}))
        roles, log_groups, functions, machines = (tuple(made[kind]) for kind in _READERS)
        return Plan(roles, log_groups, functions, machines)

    def _parameters(self, given: Mapping[str, str]) -> dict[str, Any]:
        declared: dict[str, Any] = self._document.get("Parameters") or {}
        if unknown := sorted(given.keys() - declared.keys()):
            raise TemplateError(f"Parameters: the template has no {', '.join(unknown)}")
        values = {}
        for name, parameter in declared.items():
            if name not in given and "Default" not in parameter:
                raise TemplateError(f"Parameters.{name}: a value is needed, for it has no default")
            value = given.get(name, parameter.get("Default"))
            allowed = parameter.get("AllowedValues")
            if allowed and str(value) not in map(str, allowed):
                raise TemplateError(f"Parameters.{name}: {value!r} is not one of {', '.join(map(str, allowed))}")
            values[name] = value
        return values

    # Resources

    def _role(self, name: str, properties: dict[str, Any]) -> RolePlan:
        where = f"Resources.{name}"
        return RolePlan(
            name=self._text(properties, "RoleName", where),
            trust=self._resolve(_required(properties, "AssumeRolePolicyDocument", where), where),
            policies={
                self._resolve(policy["PolicyName"], where): self._resolve(policy["PolicyDocument"], where)
                for policy in properties.get("Policies") or []
            },
        )

    def _log_group(self, name: str, properties: dict[str, Any]) -> LogGroupPlan:
        where = f"Resources.{name}"
        days = self._resolve(properties.get("RetentionInDays"), where)
        return LogGroupPlan(self._text(properties, "LogGroupName", where), None if days is None else int(days))

    def _function(self, name: str, properties: dict[str, Any]) -> FunctionPlan:
        where = f"Resources.{name}"
        variables = (self._globals.get("Environment") or {}).get("Variables") or {}
        variables = {**variables, **((properties.get("Environment") or {}).get("Variables") or {})}
        properties = {**self._globals, **properties}
        code = self._folder / self._text(properties, "CodeUri", where)
        if not code.is_dir():
            raise TemplateError(f"{where}.CodeUri: there is no folder {code}")
        return FunctionPlan(
            name=self._text(properties, "FunctionName", where),
            description=str(self._resolve(properties.get("Description", ""), where)),
            runtime=self._text(properties, "Runtime", where),
            handler=self._text(properties, "Handler", where),
            code=code,
            role_arn=self._text(properties, "Role", where),
            timeout=int(self._resolve(properties.get("Timeout", 3), where)),
            memory_mb=int(self._resolve(properties.get("MemorySize", 128), where)),
            variables={key: str(self._resolve(value, where)) for key, value in variables.items()},
        )

    def _state_machine(self, name: str, properties: dict[str, Any]) -> StateMachinePlan:
        where = f"Resources.{name}"
        source = self._folder / self._text(properties, "DefinitionUri", where)
        values = {
            key: str(self._resolve(value, where))
            for key, value in (properties.get("DefinitionSubstitutions") or {}).items()
        }

        def substitute(match: re.Match[str]) -> str:
            if match[1] not in values:
                raise TemplateError(f"{where}.DefinitionSubstitutions: {source.name} wants {match[1]!r}")
            return json.dumps(values[match[1]])[1:-1]

        definition = _SUBSTITUTION.sub(substitute, source.read_text())
        try:
            json.loads(definition)
        except ValueError as error:
            raise TemplateError(f"{source}: not JSON: {error}") from None
        logging = self._resolve(properties.get("Logging"), where)
        return StateMachinePlan(
            self._text(properties, "Name", where),
            definition,
            self._text(properties, "Role", where),
            None if logging is None else _in_api_form(logging),
        )

    # Intrinsic functions

    def _text(self, properties: Mapping[str, Any], key: str, where: str) -> str:
        value = self._resolve(_required(properties, key, where), where)
        if not isinstance(value, str):
            raise TemplateError(f"{where}.{key}: expected a text, not {value!r}")
        return value

    def _resolve(self, value: Any, where: str) -> Any:
        if isinstance(value, list):
            return [self._resolve(item, where) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key == "Ref":
                return self._reference(argument, where)
            if key == "Fn::GetAtt":
                return self._attribute(argument, where)
            if key == "Fn::Sub":
                return self._substitute(argument, where)
            if key.startswith("Fn::"):
                raise TemplateError(f"{where}: {key} is not supported by the local targets")
        return {key: self._resolve(item, where) for key, item in value.items()}

    def _reference(self, name: str, where: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name not in self._resources:
            raise TemplateError(f"{where}: there is no {name!r} to refer to")
        if self._resources[name].get("Type") == "AWS::Serverless::StateMachine":
            return self._arn(name, where)
        return self._physical_name(name, where)

    def _attribute(self, argument: Any, where: str) -> str:
        name, _, attribute = argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
        if name not in self._resources or attribute != "Arn":
            raise TemplateError(f"{where}: Fn::GetAtt {name}.{attribute} is not supported by the local targets")
        return self._arn(name, where)

    def _substitute(self, argument: Any, where: str) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})

        def value_of(match: re.Match[str]) -> str:
            name = match[1]
            if name in extra:
                return str(self._resolve(extra[name], where))
            return str(self._attribute(name, where) if "." in name else self._reference(name, where))

        return _SUBSTITUTION.sub(value_of, text).replace("${!", "${")

    def _physical_name(self, name: str, where: str) -> str:
        resource = self._resources[name]
        _, key = _ARNS.get(resource.get("Type", ""), ("", ""))
        return self._text(resource.get("Properties") or {}, key, f"Resources.{name}")

    def _arn(self, name: str, where: str) -> str:
        form, _ = _ARNS.get(self._resources[name].get("Type", ""), ("", ""))
        if not form:
            raise TemplateError(f"{where}: the ARN of {name} is not known to the local targets")
        return form.format(name=self._physical_name(name, where), region=self._region, account=self._account_id)


_READERS: dict[str, Callable[[_Reader, str, dict[str, Any]], Any]] = {
    "AWS::IAM::Role": _Reader._role,
    "AWS::Logs::LogGroup": _Reader._log_group,
    "AWS::Serverless::Function": _Reader._function,
    "AWS::Serverless::StateMachine": _Reader._state_machine,
}
_ARNS = {
    "AWS::IAM::Role": ("arn:aws:iam::{account}:role/{name}", "RoleName"),
    "AWS::Logs::LogGroup": ("arn:aws:logs:{region}:{account}:log-group:{name}:*", "LogGroupName"),
    "AWS::Serverless::Function": ("arn:aws:lambda:{region}:{account}:function:{name}", "FunctionName"),
    "AWS::Serverless::StateMachine": ("arn:aws:states:{region}:{account}:stateMachine:{name}", "Name"),
}


def _in_api_form(value: Any) -> Any:
    """A structure of CloudFormation's (``Level``) as the API of Step Functions has it (``level``)."""
    if isinstance(value, list):
        return [_in_api_form(item) for item in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _in_api_form(item) for key, item in value.items()}
    return value


def _required(properties: Mapping[str, Any], key: str, where: str) -> Any:
    if properties.get(key) is None:
        raise TemplateError(f"{where}.{key}: needed by the local targets, which make up no names or roles")
    return properties[key]


def load_template(path: Path) -> dict[str, Any]:
    """A template as written, with CloudFormation's short forms as their long ones.

    Raises:
        TemplateError: it is not YAML, or no template.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Reads CloudFormation's short forms (``!Ref x``) as their long ones (``{"Ref": x}``)."""

    def short_form(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}

    Loader.add_multi_constructor("!", short_form)
    # A policy's Version is a text that looks like a date.
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    try:
        document = yaml.load(path.read_text(), Loader)
    except yaml.YAMLError as error:
        raise TemplateError(f"{path}: not YAML: {error}") from None
    if not isinstance(document, dict):
        raise TemplateError(f"{path}: not a template")
    return document


_OF_THE_REFERENCE_WORKLOAD = frozenset({"BucketName", "EndpointName", "Threshold"})


def is_reference_workload(folder: Path) -> bool:
    """Whether the template in *folder* is the reference workload's, told by its parameters."""
    path = folder / "template.yaml"
    try:
        return set(load_template(path).get("Parameters", {})) >= _OF_THE_REFERENCE_WORKLOAD
    except (OSError, TemplateError, TypeError):
        return False
