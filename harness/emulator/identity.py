"""Who calls: the local credentials are those of an assumed role, as in a SageMaker notebook.

The SageMaker SDK's ``get_execution_role()`` reads the role's name from the caller's identity and asks IAM for the role.
"""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING

from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import structures, text
from harness.emulator.moto.iam import MotoIam

if TYPE_CHECKING:
    from werkzeug import Request, Response

    from harness.emulator.context import EmulatorContext
    from harness.emulator.door.call import Call

ACCESS_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
"""The access key that the local targets hand out: the placeholder of AWS's own documentation."""
ROLE_NAME = "AmazonSageMaker-ExecutionRole"
ROLE_PATH = "/service-role/"
SESSION_NAME = "SageMaker"

_TRUSTED_BY = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}
_ACCESS_KEY = re.compile("<AccessKeyId>([^<]+)</AccessKeyId>")
_OF_AWS = re.compile(r"arn:aws:iam::aws:policy/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)")
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_PERMISSIONS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def developer_of(account_id: str) -> RoleSession:
    """As whom the credentials act that the local targets hand out."""
    return RoleSession(f"arn:aws:iam::{account_id}:role{ROLE_PATH}{ROLE_NAME}", SESSION_NAME)


class Identity:
    """Has moto's IAM and STS know the caller's role, and the permissions room the sessions that STS begins.

    The role is made when somebody first asks, since moto's IAM takes long to import.

    Args:
        context: the emulator's surroundings.
    """

    def __init__(self, context: EmulatorContext) -> None:
        self._context = context
        self._iam = MotoIam(context.account_id)
        self._lock = threading.Lock()
        self._made = False

    def prepare(self, call: Call) -> None:
        """Make ready for a call to IAM or STS.

        Raises:
            AwsError: ``AccessDenied``, the caller may not assume the role; ``MalformedPolicyDocument``, a role's trust
                policy is none.
        """
        with self._lock:
            if not self._made:
                self._make()
                self._made = True
        trust = _TRUSTED_BY.get(call.operation)
        if trust is not None:
            _check_trust(text(call.parameters, trust))
        for name in {found[1] for found in _OF_AWS.finditer(str(call.parameters))}:
            self._iam.add_policy_of_aws(name)
        if call.operation == "AssumeRole":
            given, developer = call.parameters, developer_of(self._context.account_id)
            values = {"sts:rolesessionname": [text(given, "RoleSessionName")]}
            if "ExternalId" in given:
                values["sts:externalid"] = [text(given, "ExternalId")]
            arn = (call.caller or developer).arn
            self._context.permissions.check_assume_role(call.caller, arn, text(given, "RoleArn"), values)

    def observe(self, service: str, call: Call | None, request: Request, response: Response) -> None:
        """Adopt the session of an answer to AssumeRole.

        Args:
            service: boto3's name of the service that answered.
            call: the request, parsed; None where it could not be told what it asked for.
            request: the HTTP request.
            response: with the new access key, in STS's XML.
        """
        if service != "sts" or call is None or call.operation != "AssumeRole":
            return
        given, key = call.parameters, _ACCESS_KEY.search(response.get_data(as_text=True))
        if key is not None:
            role, name = text(given, "RoleArn"), text(given, "RoleSessionName")
            session = RoleSession(role, name, self._session_policies(call))
            self._context.permissions.adopt(key[1], session)

    def _session_policies(self, call: Call) -> tuple[str, ...]:
        """Return the documents that a session is limited to.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
        """
        given = call.parameters
        named = [text(each, "arn") for each in structures(given, "PolicyArns")]
        return (*([text(given, "Policy")] if "Policy" in given else []), *self._iam.managed_policies(named))

    def _make(self) -> None:
        role = self._iam.role(ROLE_NAME)  # kept from an earlier run
        if role is None:
            words = "Whose credentials the local targets hand out"
            self._iam.make_role(ROLE_NAME, ROLE_PATH, json.dumps(_TRUST), json.dumps(_PERMISSIONS), words)
        self._iam.introduce(ACCESS_KEY_ID, developer_of(self._context.account_id))


def _check_trust(document: str) -> None:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json") from None
    if not isinstance(found, dict) or not isinstance(found.get("Statement"), (dict, list)):
        raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.")
