"""What a test has made is gone after it: objects, items, messages, parameters; what was changed is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from harness.project.bucket import own_buckets

if TYPE_CHECKING:
    from harness.testing.stack import StackUnderTest


@contextmanager
def fresh_stack(stack: StackUnderTest) -> Iterator[None]:
    """Put back, when the block ends, what the stack's buckets, tables, queues and parameters held before it."""
    with ExitStack() as undo:
        for logical in stack:
            resource = stack[logical]
            found = _KEEPERS.get(resource.type)
            if found is not None:
                service, keep = found
                undo.callback(keep(_client(stack, service), resource.physical_id))
        yield


def _client(stack: StackUnderTest, service: str) -> Any:
    """Return a client, made once a stack: that takes longer than what it is asked here."""
    if service not in stack.clients:
        stack.clients[service] = own_buckets(stack.session) if service == "s3" else stack.session.client(service)
    return stack.clients[service]


def _bucket(s3: Any, bucket: str) -> Callable[[], None]:

    def read() -> dict[str, str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}

    before = read()
    bodies = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in before}

    def restore() -> None:
        after = read()
        for key in after.keys() - before.keys():
            s3.delete_object(Bucket=bucket, Key=key)
        for key, tag in before.items():
            if after.get(key) != tag:
                s3.put_object(Bucket=bucket, Key=key, Body=bodies[key])

    return restore


def _table(dynamodb: Any, table: str) -> Callable[[], None]:
    names = [item["AttributeName"] for item in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]

    def read() -> dict[str, Any]:
        pages = dynamodb.get_paginator("scan").paginate(TableName=table)
        return {repr([item[name] for name in names]): item for page in pages for item in page["Items"]}

    before = read()

    def restore() -> None:
        after = read()
        for key, item in after.items():
            if key not in before:
                dynamodb.delete_item(TableName=table, Key={name: item[name] for name in names})
        for key, item in before.items():
            if after.get(key) != item:
                dynamodb.put_item(TableName=table, Item=item)

    return restore


def _queue(sqs: Any, url: str) -> Callable[[], None]:
    def restore() -> None:
        try:
            sqs.purge_queue(QueueUrl=url)
        except sqs.exceptions.ClientError as error:
            if not error.response["Error"]["Code"].endswith("PurgeQueueInProgress"):
                raise
            _drain(sqs, url)  # once a minute, SQS says

    return restore


def _drain(sqs: Any, url: str) -> None:
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        entries = [{"Id": str(at), "ReceiptHandle": item["ReceiptHandle"]} for at, item in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def _parameter(ssm: Any, name: str) -> Callable[[], None]:
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]

    def restore() -> None:
        if ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Version"] != before["Version"]:
            ssm.put_parameter(Name=name, Value=before["Value"], Type=before["Type"], Overwrite=True)

    return restore


_KEEPERS: dict[str, tuple[str, Callable[[Any, str], Callable[[], None]]]] = {
    "AWS::DynamoDB::Table": ("dynamodb", _table),
    "AWS::S3::Bucket": ("s3", _bucket),
    "AWS::SQS::Queue": ("sqs", _queue),
    "AWS::SSM::Parameter": ("ssm", _parameter),
}
