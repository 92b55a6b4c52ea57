"""SQS, SNS and EventBridge: queues, topics, rules, and the policies on them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html
"""

from __future__ import annotations

import json

from harness.emulator.cloudformation.expressions import text_of
from harness.emulator.cloudformation.providers.base import Made, Provider, Work, gone_is_fine, required
from harness.emulator.cloudformation.shapes import fit
from harness.emulator.door.errors import AwsError


def _is_fifo(work: Work, name: str) -> bool:
    return text_of(work.properties.get(name)).lower() == "true"


class Queue(Provider):
    """``AWS::SQS::Queue``."""

    fixed = frozenset({"QueueName", "FifoQueue"})

    def create(self, work: Work) -> Made:
        """Make the queue."""
        fifo = _is_fifo(work, "FifoQueue")
        name = work.properties.get("QueueName") or (f"{work.name(75)}.fifo" if fifo else work.name(80))
        url = work.call("sqs", "CreateQueue", QueueName=name, Attributes=self._settings(work), tags=work.all_tags)[
            "QueueUrl"
        ]
        arn = work.arn("sqs", name)
        return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})

    def update(self, work: Work, made: Made) -> Made:
        """Set its attributes; one that is named no more has its default again."""
        settings = self._settings(work)
        gone = {
            key: _QUEUE_DEFAULTS.get(key, "")
            for key in work.before
            if key not in work.properties and key in _QUEUE_DEFAULTS
        }
        settings.pop("FifoQueue", None)
        work.call("sqs", "SetQueueAttributes", QueueUrl=made.physical_id, Attributes={**gone, **settings})
        work.call("sqs", "TagQueue", QueueUrl=made.physical_id, Tags=work.all_tags)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove the queue."""
        with gone_is_fine():
            work.call("sqs", "DeleteQueue", QueueUrl=made.physical_id)

    @staticmethod
    def _settings(work: Work) -> dict[str, str]:
        given = {key: value for key, value in work.properties.items() if key not in ("QueueName", "Tags")}
        if strange := sorted(given.keys() - set(_QUEUE_DEFAULTS) - _QUEUE_SETTINGS):
            raise AwsError(
                "ValidationError",
                f"Properties validation failed for resource {work.logical_id} with message:\n"
                f"#: extraneous key [{strange[0]}] is not permitted",
            )
        return {key: text_of(value) for key, value in given.items()}


_QUEUE_DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedrivePolicy": "",
    "VisibilityTimeout": "30",
}
_QUEUE_SETTINGS = frozenset(
    {
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "FifoQueue",
        "FifoThroughputLimit",
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "RedriveAllowPolicy",
        "SqsManagedSseEnabled",
    }
)


class Topic(Provider):
    """``AWS::SNS::Topic`` with its subscriptions."""

    fixed = frozenset({"TopicName", "FifoTopic"})

    def create(self, work: Work) -> Made:
        """Make the topic."""
        fifo = _is_fifo(work, "FifoTopic")
        name = work.properties.get("TopicName") or (f"{work.name(250)}.fifo" if fifo else work.name(256))
        tags = [{"Key": key, "Value": value} for key, value in work.all_tags.items()]
        arn = work.call("sns", "CreateTopic", Name=name, Attributes=self._settings(work), Tags=tags)["TopicArn"]
        for item in work.properties.get("Subscription") or []:
            work.call("sns", "Subscribe", TopicArn=arn, Protocol=item["Protocol"], Endpoint=item["Endpoint"])
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def update(self, work: Work, made: Made) -> Made:
        """Set its attributes, subscribe who is new."""
        for key, value in self._settings(work).items():
            work.call("sns", "SetTopicAttributes", TopicArn=made.physical_id, AttributeName=key, AttributeValue=value)
        for item in work.properties.get("Subscription") or []:
            if item not in (work.before.get("Subscription") or []):
                who = {"Protocol": item["Protocol"], "Endpoint": item["Endpoint"]}
                work.call("sns", "Subscribe", TopicArn=made.physical_id, **who)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Remove the topic; its subscriptions go with it."""
        with gone_is_fine():
            for item in work.call("sns", "ListSubscriptionsByTopic", TopicArn=made.physical_id)["Subscriptions"]:
                if item["SubscriptionArn"].startswith("arn:"):
                    work.call("sns", "Unsubscribe", SubscriptionArn=item["SubscriptionArn"])
            work.call("sns", "DeleteTopic", TopicArn=made.physical_id)

    @staticmethod
    def _settings(work: Work) -> dict[str, str]:
        apart = ("TopicName", "Tags", "Subscription", "DataProtectionPolicy", "DeliveryStatusLogging")
        return {key: text_of(value) for key, value in work.properties.items() if key not in apart}


class Subscription(Provider):
    """``AWS::SNS::Subscription``."""

    fixed = frozenset({"TopicArn", "Protocol", "Endpoint"})

    def create(self, work: Work) -> Made:
        """Subscribe."""
        answer = work.call(
            "sns",
            "Subscribe",
            TopicArn=required(work, "TopicArn"),
            Protocol=required(work, "Protocol"),
            Endpoint=work.properties.get("Endpoint"),
            Attributes=self._settings(work),
            ReturnSubscriptionArn=True,
        )
        return Made(answer["SubscriptionArn"], {"Arn": answer["SubscriptionArn"]})

    def update(self, work: Work, made: Made) -> Made:
        """Set its attributes."""
        for key, value in self._settings(work).items():
            of = {"SubscriptionArn": made.physical_id, "AttributeName": key, "AttributeValue": value}
            work.call("sns", "SetSubscriptionAttributes", **of)
        return made

    def delete(self, work: Work, made: Made) -> None:
        """Unsubscribe."""
        with gone_is_fine():
            work.call("sns", "Unsubscribe", SubscriptionArn=made.physical_id)

    @staticmethod
    def _settings(work: Work) -> dict[str, str]:
        apart = ("TopicArn", "Protocol", "Endpoint", "Region")
        return {key: text_of(value) for key, value in work.properties.items() if key not in apart}


class AttachedPolicy(Provider):
    """A policy that is set on resources: ``AWS::SQS::QueuePolicy``, ``AWS::SNS::TopicPolicy``.

    Args:
        service: boto3's name.
        member: the property that names the resources.
        operation: sets their attribute.
        by: that operation's parameter.
    """

    def __init__(self, service: str, member: str, operation: str, by: str) -> None:
        self._service, self._member, self._operation, self._by = service, member, operation, by

    def create(self, work: Work) -> Made:
        """Set the policy."""
        document = json.dumps(required(work, "PolicyDocument"))
        for resource in required(work, self._member):
            self._set(work, resource, document)
        return Made(work.name(128), {"Id": work.name(128)}, facts={"of": list(work.properties[self._member])})

    def update(self, work: Work, made: Made) -> Made:
        """Set it anew."""
        for resource in work.before.get(self._member) or []:
            if resource not in work.properties[self._member]:
                with gone_is_fine():
                    self._set(work, resource, "")
        found = self.create(work)
        found.physical_id = made.physical_id
        return found

    def delete(self, work: Work, made: Made) -> None:
        """Take it away."""
        for resource in made.facts["of"]:
            with gone_is_fine():
                self._set(work, resource, "")

    def _set(self, work: Work, resource: str, document: str) -> None:
        if self._service == "sqs":
            work.call("sqs", self._operation, **{self._by: resource}, Attributes={"Policy": document})
        elif document:  # a topic has a policy of its own, always
            work.call("sns", self._operation, **{self._by: resource}, AttributeName="Policy", AttributeValue=document)


class Rule(Provider):
    """``AWS::Events::Rule`` with its targets."""

    fixed = frozenset({"Name", "EventBusName"})

    def create(self, work: Work) -> Made:
        """Make the rule and its targets."""
        name = work.properties.get("Name") or work.name(64)
        made = self._put(work, name)
        self._targets(work, name)
        return made

    def update(self, work: Work, made: Made) -> Made:
        """Put rule and targets anew."""
        found = self._put(work, made.facts["Name"])
        self._targets(work, made.facts["Name"])
        return found

    def delete(self, work: Work, made: Made) -> None:
        """Remove targets and rule."""
        of = {"EventBusName": work.properties.get("EventBusName")}
        with gone_is_fine():
            targets = [target["Id"] for target in work.properties.get("Targets") or []]
            if targets:
                work.call("events", "RemoveTargets", Rule=made.facts["Name"], Ids=targets, **of)
            work.call("events", "DeleteRule", Name=made.facts["Name"], **of)

    @staticmethod
    def _put(work: Work, name: str) -> Made:
        given = {key: value for key, value in work.properties.items() if key not in ("Targets", "Name", "Tags")}
        asked, left = fit("events", "PutRule", {"Name": name, **given})
        tags = [{"Key": key, "Value": value} for key, value in work.all_tags.items()]
        arn = work.call("events", "PutRule", **asked, Tags=tags)["RuleArn"]
        bus = work.properties.get("EventBusName")
        physical = name if not bus or bus == "default" else f"{str(bus).rpartition('/')[2]}|{name}"
        return Made(physical, {"Arn": arn}, notes=left, facts={"Name": name})

    @staticmethod
    def _targets(work: Work, name: str) -> None:
        wanted, bus = work.properties.get("Targets") or [], work.properties.get("EventBusName")
        gone = {target["Id"] for target in work.before.get("Targets") or []} - {target["Id"] for target in wanted}
        if gone:
            work.call("events", "RemoveTargets", Rule=name, Ids=sorted(gone), EventBusName=bus)
        if wanted:
            asked, _ = fit("events", "PutTargets", {"Rule": name, "Targets": wanted, "EventBusName": bus})
            work.call("events", "PutTargets", **asked)


class BusPolicy(Provider):
    """``AWS::Events::EventBusPolicy``."""

    fixed = frozenset({"EventBusName", "StatementId"})

    def create(self, work: Work) -> Made:
        """Add the statement to the bus's policy."""
        given, statement = work.properties, required(work, "StatementId")
        body = given.get("Statement")
        bus = given.get("EventBusName")
        if body is not None:
            policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": statement, **body}]})
            work.call("events", "PutPermission", EventBusName=bus, Policy=policy)
        else:
            who = {
                "Action": given.get("Action"),
                "Principal": given.get("Principal"),
                "Condition": given.get("Condition"),
            }
            work.call("events", "PutPermission", EventBusName=bus, StatementId=statement, **who)
        return Made(statement)

    def delete(self, work: Work, made: Made) -> None:
        """Take it out."""
        with gone_is_fine():
            bus = work.properties.get("EventBusName")
            work.call("events", "RemovePermission", EventBusName=bus, StatementId=made.physical_id)


PROVIDERS: dict[str, Provider] = {
    "AWS::SQS::Queue": Queue(),
    "AWS::SQS::QueuePolicy": AttachedPolicy("sqs", "Queues", "SetQueueAttributes", "QueueUrl"),
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::Subscription": Subscription(),
    "AWS::SNS::TopicPolicy": AttachedPolicy("sns", "Topics", "SetTopicAttributes", "TopicArn"),
    "AWS::Events::Rule": Rule(),
    "AWS::Events::EventBusPolicy": BusPolicy(),
}
