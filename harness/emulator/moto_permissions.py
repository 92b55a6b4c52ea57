"""Has moto's services ask whether a role may do what it asks for, where moto itself would check everybody or nobody.

moto calls one method before each action; it is replaced for as long as an emulator runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.emulator.moto_app import access_key_of, service_of
from harness.emulator.permissions import ANY, Permissions, RoleSession, denial

_SEAM = "_authenticate_and_authorize_action"
_PREFIXES = {"tagging": "tag"}
"""Prefixes of actions in policies, where requests are signed for another name."""
_LIST_BUCKET = "s3:ListBucket"
_S3_ACTIONS = {"s3:HeadBucket": _LIST_BUCKET}
"""Operations that moto takes for actions.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
"""


def enforce(permissions: Permissions) -> Callable[[], None]:
    """Hold what moto is asked for against *permissions*; returns what takes that back."""
    from moto.core.authorization import ActionAuthenticatorMixin

    original = getattr(ActionAuthenticatorMixin, _SEAM)

    def authorize(responses: Any, iam_request_cls: type, resource: str = ANY) -> None:
        authorization = responses.headers.get("Authorization", "")
        session = permissions.session_of(access_key_of(authorization))
        if session is None:
            return
        if service_of(authorization) == "s3":
            _authorize_s3(permissions, session, responses, resource)
            return
        service = service_of(authorization) or ""
        action = f"{_PREFIXES.get(service, service)}:{responses._get_action()}"
        if action != "sts:GetCallerIdentity" and not permissions.allows(session, action, resource):
            raise _refusal(responses, session, action, resource)

    setattr(ActionAuthenticatorMixin, _SEAM, authorize)
    return lambda: setattr(ActionAuthenticatorMixin, _SEAM, original)


def adopt_role(account_id: str, arn: str) -> None:
    """Have moto's IAM know a role that is kept elsewhere: its Lambda takes no function without."""
    from moto.iam.models import iam_backends

    iam = iam_backends[account_id]["aws"]
    path, _, name = arn.partition(":role/")[2].rpartition("/")
    if all(role.arn != arn for role in iam.roles.values()):
        iam.create_role(
            role_name=name,
            assume_role_policy_document="{}",
            path=f"/{path}/" if path else "/",
            permissions_boundary=None,
            description="kept elsewhere",
            tags=[],
            max_session_duration="3600",
        )


def _authorize_s3(permissions: Permissions, session: RoleSession, responses: Any, resource: str) -> None:
    from moto.s3.exceptions import S3ClientError

    bucket, _, key = resource.partition(":s3:::")[2].partition("/")
    found = responses.backend.buckets.get(bucket)
    if bucket not in ("", ANY) and found is None:
        return  # S3 tells everybody that there is no such bucket
    action = "s3:" + _text(responses.data["Action"])
    action = _S3_ACTIONS.get(action, action)
    asked = [(action, resource)]
    if action == "s3:GetObject" and found is not None and key not in found.keys:
        # Whether there is such an object is told to those alone who may list the bucket.
        asked.append((_LIST_BUCKET, f"arn:aws:s3:::{bucket}"))
    for wanted, what in asked:
        if not permissions.allows(session, wanted, what):
            quoted = denial(session, wanted, f'"{what}"')
            raise S3ClientError("AccessDenied", quoted)


def _text(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


def _refusal(responses: Any, session: RoleSession, action: str, resource: str) -> Any:
    from moto.core.exceptions import AccessDeniedError, JsonRESTError

    if responses.headers.get("X-Amz-Target"):
        return JsonRESTError("AccessDeniedException", denial(session, action, resource))
    whole = denial(session, action, resource).partition("perform: ")[2]
    return AccessDeniedError(user_arn=session.arn, action=whole)
