"""Uploads by a form whose policy somebody has signed beforehand.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_UNCONDITIONED = ("policy", "file", "x-amz-signature", "signature", "awsaccesskeyid", "x-amz-security-token")


def is_form(responses: Any) -> bool:
    """Whether a request that moto's *responses* are answering is an upload by a form: its fields are no query."""
    return bool(responses.method == "POST" and responses.form_data)


def is_signed_form(responses: Any) -> bool:
    """Whether the upload that moto's *responses* are answering is a signed one, and one that its policy allows.

    Raises:
        moto.s3.exceptions.S3ClientError: the policy does not allow it.
    """
    form = {name.lower(): str(value) for name, value in responses.form_data.items()}
    if "policy" not in form or not {"x-amz-signature", "signature"} & form.keys():
        return False
    from moto.s3.exceptions import S3ClientError

    fault = _fault(form, responses.data.get("BucketName", ""))
    if fault is not None:
        raise S3ClientError("AccessDenied", f"Invalid according to Policy: {fault}")
    return True


def _fault(form: Mapping[str, str], bucket: str) -> str | None:
    try:
        policy = json.loads(base64.b64decode(form["policy"], validate=True))
        ends = datetime.fromisoformat(policy["expiration"])
        conditions = [_condition(one) for one in policy["conditions"]]
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "Invalid JSON."
    if ends.replace(tzinfo=ends.tzinfo or UTC) < datetime.now(UTC):
        return "Policy expired."
    given = {"bucket": bucket, **form}
    for kind, name, wanted in conditions:
        value = given.get(name, "")
        if (kind == "eq" and value != wanted) or (kind == "starts-with" and not value.startswith(wanted)):
            return f'Policy Condition failed: ["{kind}", "${name}", "{wanted}"]'
    known = {name for _, name, _ in conditions}.union(_UNCONDITIONED)
    extra = next((name for name in form if name not in known and not name.startswith("x-ignore-")), None)
    return None if extra is None else f"Extra input fields: {extra}"


def _condition(condition: Any) -> tuple[str, str, str]:
    """Read a condition as its kind, the field that it is about, and what that is held against."""
    if isinstance(condition, dict):
        ((name, wanted),) = condition.items()
        return "eq", str(name).lower(), str(wanted)
    kind, name, wanted = condition
    return str(kind).lower(), str(name).lstrip("$").lower(), str(wanted)
