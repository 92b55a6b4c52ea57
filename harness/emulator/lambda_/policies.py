"""Who may invoke a function: its resource policies.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
import re

from harness.emulator.door.call import Call
from harness.emulator.door.members import Members, flag, text
from harness.emulator.lambda_.control_plane import ControlPlane, table
from harness.emulator.lambda_.records import Function, Policy, new_revision
from harness.emulator.lambda_.references import LATEST, Reference, reference_of
from harness.emulator.lambda_.refusals import conflict, function_not_found, invalid, not_found, stale_revision
from harness.emulator.services import Operation

_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com|amazon\.com|aws\.internal)(\.cn)?")
_NO_POLICY = "No policy is associated with the given resource."


def policy_document(policy: Policy) -> str:
    """Write a policy as GetPolicy answers it."""
    document = {"Version": "2012-10-17", "Id": "default", "Statement": policy.statements}
    return json.dumps(document, separators=(",", ":"))


def policies_about(function: Function, qualifier: str | None) -> tuple[str, ...]:
    """Return the documents that say who may invoke a version, alias or function."""
    policy = function.policies.get("" if qualifier in (None, LATEST) else str(qualifier))
    return (policy_document(policy),) if policy is not None and policy.statements else ()


class Policies:
    """The operations on resource policies.

    Args:
        plane: the records.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._store = plane.store

    def operations(self) -> dict[str, Operation]:
        """By name."""
        return table({"AddPermission": self.add, "GetPolicy": self.get, "RemovePermission": self.remove})

    def add(self, call: Call) -> Members:
        """Let somebody invoke a function."""
        given = call.parameters
        reference, function = self._find(call)
        if reference.qualifier == LATEST:
            raise invalid("We currently do not support adding policies for $LATEST.")
        function.require(reference)
        principal = self._principal(call)
        with self._store.lock:
            policy = function.policies.get(reference.qualifier or "") or Policy()
            self._check_revision(call, function, reference)
            sid = given["StatementId"]
            if any(statement["Sid"] == sid for statement in policy.statements):
                raise conflict(
                    f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove "
                    "the existing statement."
                )
            statement: dict[str, object] = {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": principal,
                "Action": given["Action"],
                "Resource": reference.arn,
            }
            if condition := _condition(given):
                statement["Condition"] = condition
            function.policies[reference.qualifier or ""] = Policy([*policy.statements, statement])
            self._changed(function, reference)
            return {"Statement": json.dumps(statement, separators=(",", ":"))}

    def remove(self, call: Call) -> Members:
        """Let somebody invoke a function no longer."""
        reference = reference_of(call)
        found = self._store.find(reference)
        if found is None:
            raise not_found(f"No policy found for: {reference.function_arn}")
        reference, function = self._find(call)
        key = "" if reference.qualifier in (None, LATEST) else str(reference.qualifier)
        function.require(reference)
        with self._store.lock:
            policy = function.policies.get(key)
            sid = call.parameters["StatementId"]
            if policy is None:
                raise not_found(_NO_POLICY)
            left = [statement for statement in policy.statements if statement["Sid"] != sid]
            if len(left) == len(policy.statements):
                raise not_found(f"Statement {sid} is not found in resource policy.")
            self._check_revision(call, function, reference)
            if left:
                function.policies[key] = Policy(left)
            else:
                del function.policies[key]
            self._changed(function, reference)
        return {}

    def get(self, call: Call) -> Members:
        """Who may invoke a function."""
        reference = reference_of(call)
        function = self._store.find(reference)
        if function is None or (reference.qualifier is not None and not function.has(reference.qualifier)):
            raise not_found("The resource you requested does not exist.")
        policy = function.policies.get("" if reference.qualifier in (None, LATEST) else str(reference.qualifier))
        if policy is None:
            raise not_found("The resource you requested does not exist.")
        return {"Policy": policy_document(policy), "RevisionId": self._revision(function, reference)}

    def _find(self, call: Call) -> tuple[Reference, Function]:
        reference = reference_of(call)
        function = self._store.find(reference)
        if function is None:
            raise function_not_found(reference.function_arn)
        return reference, function

    @staticmethod
    def _principal(call: Call) -> str | dict[str, str]:
        principal = text(call.parameters, "Principal")
        if principal == "*":
            return "*"
        if principal.isdigit() and len(principal) == 12:
            return {"AWS": f"arn:aws:iam::{principal}:root"}
        if principal.startswith("arn:"):
            return {"AWS": principal}
        if _SERVICE.fullmatch(principal):
            return {"Service": principal}
        raise invalid("The provided principal was invalid. Please check the principal and try again.")

    def _check_revision(self, call: Call, function: Function, reference: Reference) -> None:
        if call.parameters.get("RevisionId") not in (None, self._revision(function, reference)):
            raise stale_revision("GetPolicy" if call.operation == "AddPermission" else "GetFunction/GetAlias")

    @staticmethod
    def _revision(function: Function, reference: Reference) -> str:
        if reference.is_alias:
            return str(function.aliases[str(reference.qualifier)]["RevisionId"])
        return str(function.versions[reference.qualifier or LATEST]["RevisionId"])

    @staticmethod
    def _changed(function: Function, reference: Reference) -> None:
        if reference.is_alias:
            function.aliases[str(reference.qualifier)]["RevisionId"] = new_revision()
        else:
            function.versions[reference.qualifier or LATEST]["RevisionId"] = new_revision()


def _condition(given: Members) -> dict[str, dict[str, str]]:
    equals, like = {}, {}
    if given.get("SourceArn"):
        like["AWS:SourceArn"] = text(given, "SourceArn")
    for member, key in (
        ("SourceAccount", "AWS:SourceAccount"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
    ):
        if given.get(member):
            equals[key] = text(given, member)
    found = {}
    if equals:
        found["StringEquals"] = equals
    if like:
        found["ArnLike"] = like
    if given.get("InvokedViaFunctionUrl") is not None:
        found["Bool"] = {"lambda:InvokedViaFunctionUrl": str(flag(given, "InvokedViaFunctionUrl")).lower()}
    return found
