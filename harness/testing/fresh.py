"""What a test has made is gone after it: objects, items, messages, parameters; what was changed is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from harness.project.bucket import own_buckets

if TYPE_CHECKING:
    import boto3

    from harness.testing.stack import StackUnderTest


@contextmanager
def fresh_stack(stack: StackUnderTest) -> Iterator[None]:
    """Put back, when the block ends, what the stack's buckets, tables, queues and parameters held before it."""
    with ExitStack() as undo:
        for logical in stack:
            resource = stack[logical]
            keep = _KEEPERS.get(resource.type)
            if keep is not None:
                undo.callback(keep(stack.session, resource.physical_id))
        yield


def _bucket(session: boto3.Session, bucket: str) -> Callable[[], None]:
    s3 = own_buckets(session)

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


def _table(session: boto3.Session, table: str) -> Callable[[], None]:
    dynamodb = session.client("dynamodb")
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


def _queue(session: boto3.Session, url: str) -> Callable[[], None]:
    return lambda: session.client("sqs").purge_queue(QueueUrl=url)


def _parameter(session: boto3.Session, name: str) -> Callable[[], None]:
    ssm = session.client("ssm")
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]

    def restore() -> None:
        if ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Version"] != before["Version"]:
            ssm.put_parameter(Name=name, Value=before["Value"], Type=before["Type"], Overwrite=True)

    return restore


_KEEPERS: dict[str, Callable[[Any, str], Callable[[], None]]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::S3::Bucket": _bucket,
    "AWS::SQS::Queue": _queue,
    "AWS::SSM::Parameter": _parameter,
}
