"""Who calls: the local credentials are those of an assumed role, as in a SageMaker notebook.

The SageMaker SDK's ``get_execution_role()`` reads the role's name from the caller's identity and asks IAM for the role.
"""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from harness.emulator.moto_app import service_of
from harness.emulator.permissions import RoleSession

if TYPE_CHECKING:
    from werkzeug import Request, Response

    from harness.emulator.context import EmulatorContext

ACCESS_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
"""The access key that the local targets hand out: the placeholder of AWS's own documentation."""
ROLE_NAME = "AmazonSageMaker-ExecutionRole"
ROLE_PATH = "/service-role/"
SESSION_NAME = "SageMaker"

_ACCESS_KEY = re.compile("<AccessKeyId>([^<]+)</AccessKeyId>")
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_PERMISSIONS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


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
        body = request.get_data(cache=True, as_text=True)
        answer = self._context.moto(request)
        if service_of(request.headers.get("Authorization", "")) == "sts" and answer.status_code == 200:
            self._adopt(body, answer)
        return answer

    def _adopt(self, body: str, answer: Response) -> None:
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        key = _ACCESS_KEY.search(answer.get_data(as_text=True))
        if asked.get("Action") == "AssumeRole" and key is not None:
            self._context.permissions.adopt(key[1], RoleSession(asked["RoleArn"], asked["RoleSessionName"]))

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
