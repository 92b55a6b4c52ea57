"""Each operation of the services that people test with, asked as poorly as its model allows: no emulator's failure."""

from datetime import datetime

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("target")]

SERVICES = (
    *("apigateway", "apigatewayv2", "cloudformation", "cloudwatch", "dynamodb", "ecr", "events", "iam", "kms"),
    *("lambda", "logs", "s3", "sagemaker", "sagemaker-runtime", "scheduler", "secretsmanager", "sns", "sqs", "ssm"),
)
ELSEWHERE = {"GetLogObject", "StartLiveTail", "WriteGetObjectResponse"}
"""boto3 puts a name before the endpoint's own for them, which leads nowhere without ``harness env``."""


def poorest(shape, depth=0):
    """The least that the model takes; text of three letters, lists of one member."""
    least = max(1, int(shape.metadata.get("min") or 1))
    match shape.type_name:
        case "structure":
            return {name: poorest(shape.members[name], depth + 1) for name in shape.required_members}
        case "list":
            return [poorest(shape.member, depth + 1)] * least if depth < 6 else []
        case "map":
            return {"k": poorest(shape.value, depth + 1)} if depth < 6 else {}
        case "string":
            return shape.enum[0] if shape.enum else "x" * max(3, least)
        case "integer" | "long":
            return least
        case "float" | "double":
            return 1.0
        case "boolean":
            return True
        case "timestamp":
            return datetime(2026, 1, 1)
        case _:
            return b"x"


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_makes_the_emulator_fail(service):
    session = boto3.session.Session()  # whose answers are not held against the model: this asks for failures
    client = session.client(
        service, config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=30)
    )
    failed, asked = {}, 0
    for method, name in client.meta.method_to_api_mapping.items():
        operation = client.meta.service_model.operation_model(name)
        if name in ELSEWHERE:
            continue
        asked += 1
        try:
            getattr(client, method)(**(poorest(operation.input_shape) if operation.input_shape else {}))
        except ParamValidationError:
            asked -= 1
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (501, *range(400, 500)):
                failed[name] = error.response["Error"]
    assert not failed
    assert asked > len(client.meta.method_to_api_mapping) / 2
