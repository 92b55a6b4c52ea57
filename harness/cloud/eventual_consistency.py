"""Waits for what AWS makes true a little later: a role that was just made is not known everywhere at once.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
ROLE_WORDS = (
    "cannot be assumed",
    "Could not assume role",
    "execution role you provide must allow",
    "not authorized to assume the provided role",
    "not authorized to access the Log Destination",
    "Could not access model data",
    "No S3 objects found under S3 URL",
)
"""What services say of a role that they do not know yet, or whose policies they do not know yet."""


def once_known(call: Callable[[], Result], timeout: float = 120) -> Result:
    """Return what *call* gives, tried again while AWS says that it does not know a role yet.

    Args:
        call: a boto3 call.
        timeout: seconds after which AWS's refusal stands.

    Raises:
        botocore.exceptions.ClientError: AWS refuses, for another reason or for longer.
    """
    from botocore.exceptions import ClientError

    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
    while True:
        try:
            return call()
        except ClientError as error:
            if not any(words in str(error) for words in ROLE_WORDS) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
