"""Tags: whose a resource is, what for, and until when; what is past its expiry may be removed by anybody.

https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PROJECT_KEY = "harness:project"
OWNER_KEY = "harness:owner"
EXPIRY_KEY = "harness:expiry"
REGION_KEY = "harness:region"
PROJECT = "scones-unlimited"
_NOT_IN_VALUES = re.compile(r"[^\w .:/=+\-@]")
_FORM = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Tags:
    """The tags that everything carries."""

    owner: str
    expiry: datetime
    """In UTC, to the second."""
    region: str = ""
    """Where it belongs: a role or bucket is seen from every region, and only its own may remove it."""
    project: str = PROJECT

    def as_dict(self) -> dict[str, str]:
        """Values by key, as Lambda and Logs take them."""
        tags = {PROJECT_KEY: self.project, OWNER_KEY: self.owner, EXPIRY_KEY: self.expiry.strftime(_FORM)}
        return {**tags, REGION_KEY: self.region} if self.region else tags

    def as_list(self) -> list[dict[str, str]]:
        """``Key`` and ``Value`` of each, as most services take them."""
        return [{"Key": key, "Value": value} for key, value in self.as_dict().items()]


def make_tags(owner: str, caller: str, hours: float, region: str = "", now: datetime | None = None) -> Tags:
    """Tags that expire *hours* from now.

    Args:
        owner: a name, or empty for the last part of *caller*, up to the ``@`` of an address.
        caller: ARN of who makes the resources.
        hours: until they have expired.
        region: where they are made.
        now: the time, in UTC.
    """
    name = owner or caller.rpartition("/")[2].partition("@")[0] or caller.partition("@")[0]
    expiry = (now or datetime.now(UTC)) + timedelta(hours=hours)
    return Tags(_NOT_IN_VALUES.sub("-", name)[:256], expiry.replace(microsecond=0), region)


def expiry_of(tags: dict[str, str]) -> datetime | None:
    """When a resource with *tags* has expired; None where they do not say."""
    text = tags.get(EXPIRY_KEY)
    if text is None:
        return None
    try:
        return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
