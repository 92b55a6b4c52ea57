"""Versions and aliases.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from __future__ import annotations

import copy
from typing import Any

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, optional_decimal, optional_text, structure, text
from harness.emulator.lambda_.configuration import listed
from harness.emulator.lambda_.control_plane import PlaneOperations, answers
from harness.emulator.lambda_.paging import page
from harness.emulator.lambda_.records import Configuration, Function, new_revision
from harness.emulator.lambda_.references import LATEST, Reference, reference_of
from harness.emulator.lambda_.refusals import (
    alias_not_found,
    conflict,
    function_not_found,
    invalid,
    not_found,
    stale_revision,
    validation,
)

_REVISIONS = "GetFunction/GetAlias"


def publish(function: Function, description: str | None = None) -> tuple[Configuration, bool]:
    """Publish ``$LATEST``, where it is not what was published last.

    Returns:
        The version's configuration, and whether it is new.
    """
    last = str(function.next_version - 1)
    latest = function.latest
    if last in function.versions and not function.is_changed:
        return function.versions[last], False
    number = str(function.next_version)
    function.next_version += 1
    made = copy.deepcopy(latest)
    made |= {"Version": number, "FunctionArn": f"{function.arn}:{number}", "RevisionId": new_revision()}
    if description is not None:
        made["Description"] = description
    if made["SnapStart"]["ApplyOn"] == "PublishedVersions":
        made["SnapStart"]["OptimizationStatus"] = "On"
    function.versions[number] = made
    function.code[number] = function.code[LATEST]
    function.is_changed = False
    function.touch()
    return made, True


class Versions(PlaneOperations):
    """The operations on versions and aliases."""

    @answers("PublishVersion")
    def publish_version(self, call: Call) -> Members:
        """Publish ``$LATEST``."""
        reference, function = self._function(call)
        given = call.parameters
        with self._plane.settling.change(reference), self._store.lock:
            latest = function.latest
            if given.get("RevisionId") not in (None, "", latest["RevisionId"]):
                raise stale_revision(_REVISIONS)
            if given.get("CodeSha256") not in (None, "", latest["CodeSha256"]):
                raise invalid(
                    f"CodeSHA256 ({given['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
                    f"({latest['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
                )
            made, _ = publish(function, optional_text(given, "Description"))
            return dict(made)

    @answers("ListVersionsByFunction")
    def list_versions(self, call: Call) -> Members:
        """List the versions, ``$LATEST`` first."""
        _, function = self._function(call)
        found = [
            {**listed(configuration), "FunctionArn": f"{function.arn}:{version}"}
            for version, configuration in function.versions.items()
        ]
        return page(call, "Versions", found)

    @answers("CreateAlias")
    def create_alias(self, call: Call) -> Members:
        """Name a version."""
        given = call.parameters
        reference = reference_of(call)
        target = Reference(reference.region, reference.account, reference.name, text(given, "FunctionVersion"))
        function = self._store.function(target)
        name = text(given, "Name")
        with self._store.lock:
            if target.qualifier not in function.versions:
                raise function_not_found(target.arn)
            if name in function.aliases:
                raise conflict(f"Alias already exists: {function.aliases[name]['AliasArn']}")
            alias: dict[str, Any] = {
                "AliasArn": f"{function.arn}:{name}",
                "Name": name,
                "FunctionVersion": target.qualifier,
                "Description": text(given, "Description", ""),
                "RevisionId": new_revision(),
            }
            self._route(function, alias, structure(given, "RoutingConfig"))
            function.aliases[name] = alias
            return dict(alias)

    @answers("UpdateAlias")
    def update_alias(self, call: Call) -> Members:
        """Have an alias name another version."""
        given = call.parameters
        _, function = self._function(call)
        name = text(given, "Name")
        with self._store.lock:
            alias = function.aliases.get(name)
            if alias is None:
                raise not_found(f"Alias not found: {function.arn}:{name}")
            if given.get("RevisionId") not in (None, alias["RevisionId"]):
                raise stale_revision(_REVISIONS)
            changed = dict(alias)
            version = optional_text(given, "FunctionVersion")
            if version:
                if version not in function.versions:
                    raise function_not_found(f"{function.arn}:{version}")
                changed["FunctionVersion"] = version
            if given.get("Description") is not None:
                changed["Description"] = given["Description"]
            if given.get("RoutingConfig") is not None:
                self._route(function, changed, structure(given, "RoutingConfig"))
            changed["RevisionId"] = new_revision()
            function.aliases[name] = changed
            self._plane.changed(function)
            if name in function.provisioned:
                self._plane.provisioned(function)
            return dict(changed)

    @answers("GetAlias")
    def get_alias(self, call: Call) -> Members:
        """Describe an alias."""
        _, function = self._function(call)
        name = text(call.parameters, "Name")
        if name not in function.aliases:
            raise alias_not_found(f"{function.arn}:{name}")
        return dict(function.aliases[name])

    @answers("DeleteAlias")
    def delete_alias(self, call: Call) -> Members:
        """Take a version's name away; nothing happens where there is no such alias."""
        _, function = self._function(call)
        name = text(call.parameters, "Name")
        with self._store.lock:
            if function.aliases.pop(name, None) is not None:
                function.policies.pop(name, None)
                function.event_invoke.pop(name, None)
                function.urls.pop(name, None)
                if function.provisioned.pop(name, None):
                    self._plane.provisioned(function)
        return {}

    @answers("ListAliases")
    def list_aliases(self, call: Call) -> Members:
        """List the aliases, those of one version where it is named."""
        _, function = self._function(call)
        version = call.parameters.get("FunctionVersion")
        found = [
            dict(alias)
            for _, alias in sorted(function.aliases.items())
            if version is None or alias["FunctionVersion"] == version
        ]
        return page(call, "Aliases", found)

    def _function(self, call: Call) -> tuple[Reference, Function]:
        reference = reference_of(call)
        return reference, self._store.function(Reference(reference.region, reference.account, reference.name))

    @staticmethod
    def _route(function: Function, alias: dict[str, Any], routing: Members) -> None:
        """Have an alias lead to a second version now and then."""
        weights = structure(routing, "AdditionalVersionWeights")
        if not weights:
            alias.pop("RoutingConfig", None)
            return
        if len(weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        (version,) = weights
        weight = optional_decimal(weights, version) or 0.0
        if alias["FunctionVersion"] == LATEST:
            words = "$LATEST is not supported for an alias pointing to more than 1 version"
            raise AwsError("InvalidParameterValueException", words)
        if version == alias["FunctionVersion"]:
            raise invalid(
                f"Invalid function version {version}. Function version {version} is already included in routing "
                "configuration."
            )
        if not 0 <= weight <= 1:
            raise validation(f"'{{{version}={weight}}}'", "routingConfig.additionalVersionWeights", "be from 0 to 1")
        if version not in function.versions:
            raise function_not_found(f"{function.arn}:{version}")
        alias["RoutingConfig"] = {"AdditionalVersionWeights": {version: weight}}
