"""ARNs of Step Functions' resources, told apart and refused as AWS does.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
"""

from __future__ import annotations

import re

from harness.emulator.door.errors import AwsError

_NOT_IN_NAMES = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]""")
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html#API_StartExecution_RequestSyntax"""


def check_name(name: str) -> None:
    """Refuse a name with characters that names do not have.

    Raises:
        AwsError: InvalidName.
    """
    if _NOT_IN_NAMES.search(name):
        raise AwsError("InvalidName", f"Invalid Name: '{name}'")


def check_arn(arn: str, *kinds: str) -> list[str]:
    """Refuse what is no ARN of a resource of *kinds* (``stateMachine``, ``execution``, ...); gives its parts.

    Raises:
        AwsError: InvalidArn.
    """
    parts = arn.split(":")
    if parts[0] != "arn":
        raise invalid_arn(f"Invalid ARN prefix: {arn}")
    if len(parts) < 7 or parts[2] != "states":
        raise invalid_arn(f"Invalid ARN: {arn}")
    if parts[5] not in kinds:
        raise invalid_arn(f"Resource type not valid in this context: {parts[5]}")
    return parts


def invalid_arn(words: str) -> AwsError:
    """AWS's refusal of an ARN."""
    return AwsError("InvalidArn", f"Invalid Arn: '{words}'")


def machine_of(arn: str) -> str:
    """Return the ARN of a state machine, without the version or the alias."""
    return ":".join(arn.split(":")[:7])


def qualifier_of(arn: str) -> str | None:
    """Return the version or the alias that an ARN of a state machine names."""
    parts = arn.split(":")
    return parts[7] if len(parts) > 7 else None
