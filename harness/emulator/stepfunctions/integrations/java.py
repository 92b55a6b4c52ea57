"""Names as AWS's SDKs for Java have them, which are the names that tasks use and fail with.

SDK integrations speak as version 2 of the SDK, optimized ones as version 1.

https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

import re
from functools import lru_cache

SERVICES = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntimev2": "lexv2-runtime",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
"""boto3's names of services, where they are not Java's but for hyphens. A test compares them with the models."""


@lru_cache(1)
def _services() -> dict[str, str]:
    from botocore.session import Session

    plain = {name.replace("-", ""): name for name in Session().get_available_services()}
    for java, name in SERVICES.items():
        plain.pop(name.replace("-", ""), None)
        plain[java] = name
    return plain


def boto3_service(java: str) -> str | None:
    """boto3's name of an SDK integration's service: ``stepfunctions`` for ``sfn``; None for one that there is not."""
    return _services().get(java)


def pascal_case(name: str) -> str:
    """*name* in words of one capital each: ``DynamoDb``, ``Sfn``, ``KmsDisabledException``."""
    return "".join(word[0].upper() + word[1:].lower() for word in _words(name))


def _words(name: str) -> list[str]:
    name = re.sub(r"[^A-Za-z0-9]+", " ", name)
    name = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", name)
    name = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", name)
    name = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name)
    return re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", name).split()


def sdk_service_name(service_id: str) -> str:
    """Java's name of a service, by botocore's service id: ``SecretsManager`` for ``Secrets Manager``."""
    return pascal_case(service_id).removeprefix("Amazon").removeprefix("Aws").removesuffix("Service")


def sdk_exception(shape: str) -> str:
    """Name the class of an error of version 2, by the name of its shape: ``NoSuchKeyException``."""
    name = pascal_case(shape.removesuffix("Fault"))
    return name if name.endswith("Exception") else name + "Exception"


def exception(shape: str) -> str:
    """Name the class of an error of version 1."""
    if shape.endswith("Exception"):
        return shape
    return shape.removesuffix("Fault") + "Exception"


@lru_cache(4096)
def sdk_member(name: str) -> str:
    """Spell a member as SDK integrations do: version 2's getter, with a capital; ``DbInstanceIdentifier``."""
    head = name[0]
    index = 1
    while index < len(name) and name[index].isupper() and not name[index + 1 : index + 2].islower():
        head += name[index].lower()
        index += 1
    return head[0].upper() + head[1:] + name[index:]


@lru_cache(4096)
def member(name: str) -> str:
    """Spell a member as optimized integrations do: the model's name, with a capital."""
    return name[0].upper() + name[1:]


def operation(action: str) -> str:
    """Name the operation of *action*: ``GetObject`` for ``getObject``."""
    return action[0].upper() + action[1:]
