"""Tags as requests have them.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_Tag.html
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import structures, text

_MOST_TAGS = 50


def tags_of(call: Call) -> dict[str, str]:
    """Return the tags that are asked for."""
    return {text(tag, "key"): text(tag, "value") for tag in structures(call.parameters, "tags")}


def check_tags(arn: str, tags: Mapping[str, str]) -> None:
    """Refuse more tags than a resource has.

    Raises:
        AwsError: TooManyTags.
    """
    if len(tags) > _MOST_TAGS:
        raise AwsError("TooManyTags", f"Too many tags: '{arn}'", resourceName=arn)
