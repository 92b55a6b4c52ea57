"""Messages of SNS to functions.

https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from harness.emulator.door.members import Members
from harness.emulator.events.deliveries import Deliveries

SERVICE = "sns.amazonaws.com"


@dataclass(frozen=True)
class Notification:
    """A message on its way to a subscriber.

    Attributes:
        topic: ARN.
        subscription: ARN.
        id: of the message.
        message: its text.
        subject: of the message, or None.
        attributes: by name, ``Type`` and ``Value``.
    """

    topic: str
    subscription: str
    id: str
    message: str
    subject: str | None
    attributes: Mapping[str, Members] = field(default_factory=dict)


def deliver(deliveries: Deliveries, notification: Notification, function: str) -> None:
    """Invoke a function with a notification, in the event that SNS sends.

    Args:
        deliveries: hands on to the function.
        notification: what was published, and the subscription that it is for.
        function: its ARN.
    """
    region = notification.topic.split(":")[3]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": notification.subscription,
        "Sns": {
            "Type": "Notification",
            "MessageId": notification.id,
            "TopicArn": notification.topic,
            "Subject": notification.subject,
            "Message": notification.message,
            "Timestamp": now,
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": f"https://sns.{region}.amazonaws.com/SimpleNotificationService-EXAMPLE.pem",
            "UnsubscribeUrl": (
                f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={notification.subscription}"
            ),
            "MessageAttributes": {name: dict(value) for name, value in notification.attributes.items()},
        },
    }
    deliveries.invoke(function, {"Records": [record]}, SERVICE, notification.topic)
