"""Has moto's S3 ask whether a request may do what it asks for, by policies of who sends it and of the bucket.

moto calls one method before each action of S3, and asks a bucket for what its policy says without telling whose request
it is; both are replaced for as long as an emulator runs.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-auth-workflow-object-operation.html
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from harness.emulator.access.permissions import NONE, Permissions
from harness.emulator.access.policies import ALL
from harness.emulator.access.sessions import Actor
from harness.emulator.clients import OWN_ACCESS_KEY
from harness.emulator.moto.app import access_key_of
from harness.emulator.moto.patches import Patch
from harness.emulator.moto.s3_block import refuse_what_opens
from harness.emulator.moto.s3_form import is_form, is_signed_form
from harness.emulator.moto.s3_public import effects_for_all, is_public

_LIST_BUCKET, _GET_OBJECT, _DELETE_OBJECT = "s3:ListBucket", "s3:GetObject", "s3:DeleteObject"
_ACTIONS = {"s3:HeadBucket": _LIST_BUCKET}
"""Operations that moto takes for actions.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
"""
_BY_QUERY = {
    "encryption": ("s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"),
    "publicAccessBlock": ("s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
}
"""Actions that moto does not tell from ListBucket and CreateBucket: to look, and to change."""
_OWNER = "x-amz-expected-bucket-owner"
_OF_A_NEW_BUCKET = ("s3:CreateBucket", "s3:TagResource")
_ACCOUNT = re.compile(r"\d{12}")
_IN_QUERY = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys", "versionId": "s3:versionid"}
_IN_HEADERS = (
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
)


def s3_access_patches(permissions: Permissions) -> tuple[Patch, ...]:
    """Hold requests to S3 against *permissions* and the policies of buckets."""
    deleting = threading.local()

    def authorize(responses: Any, iam_request_cls: type, resource: str = ALL) -> None:
        if getattr(responses, "service_name", "") != "s3":
            return  # see Gate
        request = _Request(permissions, responses, resource)
        many = responses.method == "POST" and request.action == _DELETE_OBJECT and not request.key
        deleting.many = request if many else None
        request.check_owner()
        if not many:  # many are asked for one by one
            request.check()

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        from moto.iam.access_control import PermissionResult

        request = getattr(deleting, "many", None)
        if request is not None:
            refused = request.refusal(action, resource, bucket) is not None
            return PermissionResult.DENIED if refused else PermissionResult.NEUTRAL
        return PermissionResult.NEUTRAL if bucket.policy is None else _of_anybody(bucket, action, resource)

    def finish_deleting(original: Any) -> Any:
        def delete_keys(responses: Any, *arguments: Any, **named: Any) -> Any:
            try:
                return original(responses, *arguments, **named)
            finally:
                deleting.many = None  # the thread's next request is another

        return delete_keys

    responses, models = "moto.s3.responses", "moto.s3.models"
    return (
        Patch(
            "moto.core.authorization",
            "ActionAuthenticatorMixin._authenticate_and_authorize_action",
            "roles are held against all of IAM's rules, with conditions",
            "ours",
            lambda original: authorize,
        ),
        Patch(
            models,
            "FakeBucket.get_permission",
            "a bucket's policy is evaluated without knowing whose the request is",
            "ours",
            lambda original: get_permission,
        ),
        Patch(
            responses,
            "S3Response._bucket_response_delete_keys",
            "each key of DeleteObjects is asked for on its own",
            "ours",
            finish_deleting,
        ),
    )


def _of_anybody(bucket: Any, action: str, resource: str) -> Any:
    """Say what a bucket's policy allows to requests without a signature: moto looks at this only for those."""
    from moto.iam.access_control import PermissionResult

    allowed = effects_for_all(bucket, action, resource) == {"Allow"}
    return PermissionResult.PERMITTED if allowed else PermissionResult.NEUTRAL


class _Request:
    """A request to S3."""

    def __init__(self, permissions: Permissions, responses: Any, resource: str) -> None:
        self._permissions = permissions
        self._responses = responses
        key = access_key_of(responses.headers.get("Authorization", "")) or _presigned_by(responses.querystring)
        self._anonymous = not is_signed_form(responses) if is_form(responses) else key is None
        self._signed = key not in (None, OWN_ACCESS_KEY)
        self._session: Actor | None = permissions.session_of(key)
        action = "s3:" + _text(responses.data["Action"])
        self.action = _ACTIONS.get(action, action)
        bucket, _, self.key = resource.partition(":s3:::")[2].partition("/")
        for name in _BY_QUERY.keys() & (set() if self.key else responses.querystring.keys()):
            self.action = _BY_QUERY[name][responses.method != "GET"]
        self._resource = ALL if bucket in ("", ALL) else resource
        self._bucket = responses.backend.buckets.get(bucket)

    def check(self) -> None:
        """Let it through, or raise what S3 answers."""
        from moto.s3.exceptions import S3ClientError

        if self._resource != ALL and self._bucket is None and self.action not in _OF_A_NEW_BUCKET:
            return  # S3 tells everybody that there is no such bucket
        asked = [(self.action, self._resource, self._bucket)]
        if self.action == _GET_OBJECT and self._bucket is not None and self.key not in self._bucket.keys:
            # Whether there is such an object is told to those alone who may list the bucket.
            asked.append((_LIST_BUCKET, f"arn:aws:s3:::{self._bucket.name}", self._bucket))
        source = unquote(self._responses.headers.get("x-amz-copy-source", "")).lstrip("/").partition("?")[0]
        if source and self.action == "s3:PutObject":
            owner = self._responses.backend.buckets.get(source.partition("/")[0])
            asked.append((_GET_OBJECT, f"arn:aws:s3:::{source}", owner))
        for action, resource, bucket in asked:
            words = self.refusal(action, resource, bucket)
            if words is not None:
                raise S3ClientError("AccessDenied", words)
        refuse_what_opens(self._responses, self._bucket, self.action, self._denied)

    def _denied(self, why: str) -> Any:
        from moto.s3.exceptions import S3ClientError

        who = self._permissions.name_of(self._session)
        asked = f'User: {who} is not authorized to perform: {self.action} on resource: "{self._resource}"'
        return S3ClientError("AccessDenied", f"{asked} because {why}")

    def check_owner(self) -> None:
        """Refuse a request for a bucket of somebody else than it expects.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
        """
        from moto.s3.exceptions import S3ClientError

        expected = self._responses.headers.get(_OWNER)
        if expected is None or self._bucket is None:
            return
        if not _ACCOUNT.fullmatch(expected):
            words = f"The value of the expected bucket owner parameter must be an AWS Account ID... [{expected}]"
            raise S3ClientError("InvalidBucketOwnerAWSAccountID", words)
        if expected != self._bucket.account_id:
            raise S3ClientError("AccessDenied", "Access Denied")

    def refusal(self, action: str, resource: str, bucket: Any) -> str | None:
        """Return S3's words for why an action may not be done; None where it may.

        Args:
            action: as IAM names it, e.g. ``s3:GetObject``.
            resource: ARN of the bucket or the object.
            bucket: moto's bucket, for its policy and ACL; None where it is not there.
        """
        documents = (_policy(bucket),) if bucket is not None and bucket.policy is not None else ()
        if self._anonymous:
            return None if bucket is not None and is_public(bucket, action, resource) else "Access Denied"
        if not self._signed:
            return None  # the emulator may do everything
        values = self._values() if action == self.action else NONE
        return self._permissions.refusal(self._session, action, resource, values, documents, quoted=True)

    def _values(self) -> dict[str, list[str]]:
        """Return what the request has for S3's condition keys.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
        """
        responses = self._responses
        values = {"aws:requestedregion": [str(responses.region)]}
        for name, key in _IN_QUERY.items():
            if name in responses.querystring:
                values[key] = [_text(responses.querystring[name])]
        for name in _IN_HEADERS:
            if responses.headers.get(name):
                values[f"s3:{name}"] = [str(responses.headers[name])]
        return values


def _presigned_by(query: Mapping[str, Any]) -> str | None:
    """Return the access key of an address that was signed beforehand.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    if "X-Amz-Credential" in query:
        return _text(query["X-Amz-Credential"]).partition("/")[0]
    return _text(query["AWSAccessKeyId"]) if "AWSAccessKeyId" in query else None


def _policy(bucket: Any) -> str:
    return bucket.policy.decode() if isinstance(bucket.policy, bytes) else str(bucket.policy)


def _text(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)
