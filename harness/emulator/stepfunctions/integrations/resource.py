"""What a Task's ``Resource`` names.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-service-integrations.html
"""

from __future__ import annotations

from dataclasses import dataclass

SYNC, SYNC_2, TOKEN = "sync", "sync:2", "waitForTaskToken"
"""How a task may wait, as its resource says after the dot."""


@dataclass(frozen=True)
class Resource:
    """A resource, taken apart.

    Attributes:
        service: as the resource names it: ``lambda``, ``aws-sdk:s3``; ``function`` or ``activity`` where it is one
            of the account's own.
        action: ``invoke``, ``getObject``; the whole ARN of a function or an activity.
        waiting: ``""``, :data:`SYNC`, :data:`SYNC_2` or :data:`TOKEN`.
    """

    service: str
    action: str
    waiting: str = ""

    @property
    def sdk_service(self) -> str | None:
        """The service of an AWS SDK integration, ``s3``; None for others."""
        return self.service.removeprefix("aws-sdk:") if self.service.startswith("aws-sdk:") else None


def parse_resource(arn: str) -> Resource | None:
    """Take *arn* apart; None where it is no resource of a Task."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn":
        return None
    if parts[2] == "lambda":
        named = parts[5] == "function" and 7 <= len(parts) <= 8 and all(parts[6:])
        return Resource("function", arn) if named else None
    if parts[2] != "states":
        return None
    if parts[5] == "activity":
        return Resource("activity", arn) if len(parts) == 7 and parts[6] else None
    if (parts[3] or parts[4]) and parts[5] != "aws-sdk":  # which the public templates name by region and account
        return None
    sdk = parts[5] == "aws-sdk"
    service = ":".join(parts[5:7]) if sdk else parts[5]
    action, dot, waiting = ":".join(parts[7:] if sdk else parts[6:]).partition(".")
    if not action or ":" in action or (dot and waiting not in (SYNC, SYNC_2, TOKEN)):
        return None
    return Resource(service, action, waiting)
