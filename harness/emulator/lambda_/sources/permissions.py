"""Whether a source is there, and whether the function's role may read it: asked when a mapping is made, as AWS does.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.lambda_.refusals import invalid

_OF_QUEUES = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
_OF_STREAMS = ("GetRecords", "GetShardIterator", "DescribeStream")


def check_source(context: EmulatorContext, service: str, arn: str, role: str, name: str) -> None:
    """Refuse a source that is not there, or that the role may not read.

    Args:
        context: the emulator's surroundings.
        service: ``sqs``, ``dynamodb`` or ``kinesis``.
        arn: of the source.
        role: ARN of the function's role.
        name: of the function.

    Raises:
        AwsError: ``InvalidParameterValueException``.
    """
    session = RoleSession(role, name)
    region = arn.split(":")[3]
    permissions = context.permissions
    if service == "sqs":
        policies = _queue_policies(context, arn)
        for action in _OF_QUEUES:
            if permissions.refusal(session, f"sqs:{action}", arn, resource_policies=policies) is not None:
                raise invalid(f"The provided execution role does not have permissions to call {action} on SQS")
        return
    try:
        if service == "dynamodb":
            table = arn.split("/")[1]
            described = context.clients.get("dynamodb", region).describe_table(TableName=table)["Table"]
            if described.get("LatestStreamArn") != arn:
                raise invalid(f"Stream not found: {arn}")
        else:
            stream, _, consumer = arn.partition("/consumer/")
            kinesis = context.clients.get("kinesis", region)
            kinesis.describe_stream_summary(StreamARN=stream)
            if consumer:
                kinesis.describe_stream_consumer(ConsumerARN=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise invalid(f"Stream not found: {arn}") from None
    for action in _OF_STREAMS:
        if permissions.refusal(session, f"{service}:{action}", arn.partition("/consumer/")[0]) is not None:
            raise invalid(
                f"Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, "
                "DescribeStream, and ListStreams Actions on your stream in IAM."
            )


def _queue_policies(context: EmulatorContext, arn: str) -> tuple[str, ...]:
    parts = arn.split(":")
    client = context.clients.get("sqs", parts[3])
    try:
        address = client.get_queue_url(QueueName=parts[5])["QueueUrl"]
        told = client.get_queue_attributes(QueueUrl=address, AttributeNames=["Policy"]).get("Attributes") or {}
    except ClientError as error:
        if not error.response["Error"]["Code"].endswith(("NonExistentQueue", "QueueDoesNotExist")):
            raise
        raise invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist."
        ) from None
    return (told["Policy"],) if told.get("Policy") else ()
