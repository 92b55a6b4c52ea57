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

from harness.emulator.access.entities import add_policy_of_aws, managed_policies
from harness.emulator.access.sessions import RoleSession
from harness.emulator.moto.app import access_key_of

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
        self._lock = threading.Lock()
        self._made = False

    def request(self, request: Request, request_id: str, region: str) -> Response:
        """Answer one request to IAM or STS."""
        with self._lock:
            if not self._made:
                self._make(region)
                self._made = True
        asked = dict(parse_qsl(request.get_data(cache=True, as_text=True)))
        for name in {found[1] for value in asked.values() for found in _OF_AWS.finditer(value)}:
            add_policy_of_aws(self._context.account_id, name)
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
        return (*([asked["Policy"]] if "Policy" in asked else []), *managed_policies(self._context.account_id, named))

    def _make(self, region: str) -> None:
        from moto.iam.models import AccessKey, iam_backends
        from moto.sts.models import AssumedRole, sts_backends
        from moto.utilities.utils import get_partition

        account_id, partition = self._context.account_id, get_partition(region)
        iam = iam_backends[account_id][partition]
        role = next((role for role in iam.roles.values() if role.name == ROLE_NAME), None)  # kept from an earlier run
        if role is None:
            role = iam.create_role(
                role_name=ROLE_NAME,
                assume_role_policy_document=json.dumps(_TRUST),
                path=ROLE_PATH,
                permissions_boundary=None,
                description="Whose credentials the local targets hand out",
                tags=[],
                max_session_duration="43200",
            )
            iam.put_role_policy(ROLE_NAME, "everything", json.dumps(_PERMISSIONS))
        key = AccessKey(user_name=None, prefix="ASIA", account_id=account_id)
        assumed = AssumedRole(
            account_id=account_id,
            region_name=region,
            access_key=key,
            role_session_name=SESSION_NAME,
            role_arn=role.arn,
            policy="",
            duration=43200,
            external_id="",
        )
        assumed.access_key_id = ACCESS_KEY_ID
        sts_backends[account_id][partition].assumed_roles.append(assumed)
