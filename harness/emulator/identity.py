"""Who calls: the local credentials are those of an assumed role, as in a SageMaker notebook.

The SageMaker SDK's ``get_execution_role()`` reads the role's name from the caller's identity and asks IAM for the role.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from harness.emulator.access.sessions import RoleSession
from harness.emulator.moto.app import access_key_of
from harness.emulator.moto.iam import MotoIam

if TYPE_CHECKING:
    from werkzeug import Request, Response

    from harness.emulator.context import EmulatorContext

ACCESS_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
"""The access key that the local targets hand out: the placeholder of AWS's own documentation."""
ROLE_NAME = "AmazonSageMaker-ExecutionRole"
ROLE_PATH = "/service-role/"
SESSION_NAME = "SageMaker"

_ACCESS_KEY = re.compile("<AccessKeyId>([^<]+)</AccessKeyId>")
_OF_AWS = re.compile(r"arn:aws:iam::aws:policy/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)")
_POLICY_ARN = re.compile(r"PolicyArns\.member\.\d+\.arn")
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_PERMISSIONS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def developer_of(account_id: str) -> RoleSession:
    """As whom the credentials act that the local targets hand out."""
    return RoleSession(f"arn:aws:iam::{account_id}:role{ROLE_PATH}{ROLE_NAME}", SESSION_NAME)


class Identity:
    """Answers IAM and STS with moto, once the caller's role is there.

    The role is made when somebody first asks, since moto's IAM takes long to import.
    """

    def __init__(self, context: EmulatorContext) -> None:
        self._context = context
        self._iam = MotoIam(context.account_id)
        self._lock = threading.Lock()
        self._made = False

    def request(self, request: Request, request_id: str, region: str) -> Response:
        """Answer one request to IAM or STS."""
        with self._lock:
            if not self._made:
                self._make()
                self._made = True
        asked = dict(parse_qsl(request.get_data(cache=True, as_text=True)))
        for name in {found[1] for value in asked.values() for found in _OF_AWS.finditer(value)}:
            self._iam.add_policy_of_aws(name)
        if asked.get("Action") != "AssumeRole":
            return self._context.moto(request)
        self._check_assume_role(asked, request)
        answer = self._context.moto(request)
        key = _ACCESS_KEY.search(answer.get_data(as_text=True))
        if answer.status_code == 200 and key is not None:
            session = RoleSession(asked["RoleArn"], asked["RoleSessionName"], self._session_policies(asked))
            self._context.permissions.adopt(key[1], session)
        return answer

    def _check_assume_role(self, asked: Mapping[str, str], request: Request) -> None:
        permissions = self._context.permissions
        caller = permissions.session_of(access_key_of(request.headers.get("Authorization", "")))
        developer = developer_of(self._context.account_id)
        values = {"sts:rolesessionname": [asked.get("RoleSessionName", "")]}
        if "ExternalId" in asked:
            values["sts:externalid"] = [asked["ExternalId"]]
        permissions.check_assume_role(caller, (caller or developer).arn, asked.get("RoleArn", ""), values)

    def _session_policies(self, asked: Mapping[str, str]) -> tuple[str, ...]:
        """The documents that a session is limited to.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
        """
        named = [value for name, value in asked.items() if _POLICY_ARN.fullmatch(name)]
        return (*([asked["Policy"]] if "Policy" in asked else []), *self._iam.managed_policies(named))

    def _make(self) -> None:
        role = self._iam.role(ROLE_NAME)  # kept from an earlier run
        if role is None:
            words = "Whose credentials the local targets hand out"
            self._iam.make_role(ROLE_NAME, ROLE_PATH, json.dumps(_TRUST), json.dumps(_PERMISSIONS), words)
        self._iam.introduce(ACCESS_KEY_ID, developer_of(self._context.account_id))
