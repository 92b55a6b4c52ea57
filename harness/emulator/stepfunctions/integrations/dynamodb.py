"""DynamoDB.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html
"""

from __future__ import annotations

from harness.emulator.stepfunctions.integrations.optimized import Action, Optimized

DYNAMODB = Optimized(
    service="dynamodb",
    actions={name: Action() for name in ("getItem", "putItem", "updateItem", "deleteItem")},
    prefix="DynamoDB",
    sdk_name="AmazonDynamoDBv2",
    base_error="AmazonDynamoDBException",
    headers=("Server", "Connection", "x-amzn-RequestId", "x-amz-crc32", "Content-Length", "Date", "Content-Type"),
    content_type="application/x-amz-json-1.0",
)
