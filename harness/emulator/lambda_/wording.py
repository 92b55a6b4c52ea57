"""How Lambda tells of requests that it refuses, as far as AWS's recordings say otherwise than botocore's model."""

from __future__ import annotations

from harness.emulator.door.members import Members
from harness.emulator.door.validation import Wording, Wordings, check
from harness.emulator.lambda_.runtimes import SUPPORTED

_LAYER_VERSION = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:"
    r"[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)
_OF_LAYERS = """ruby3.5 ruby2.6 dotnetcore1.0 python3.7 nodejs8.10 nasa ruby2.7 python2.7-greengrass dotnetcore2.0
python3.8 java21 dotnet6 dotnetcore2.1 python3.9 java11 nodejs6.10 provided dotnetcore3.1 dotnet8 java25 java17 nodejs
nodejs4.3 java8.al2 go1.x dotnet10 nodejs20.x go1.9 byol nodejs10.x provided.al2023 nodejs22.x python3.10 java8
nodejs12.x python3.11 nodejs24.x nodejs8.x python3.12 nodejs14.x nodejs8.9 nodejs26.x python3.13 python3.14 nodejs16.x
python3.15 provided.al2 nodejs4.3-edge nodejs18.x ruby3.2 python3.4 ruby3.3 ruby3.4 ruby2.5 python3.6 python2.7"""
_WORDINGS: Wordings = {
    "CompatibleRuntimes": Wording(of_members=f"satisfy enum value set: [{', '.join(SUPPORTED)}]"),
    "EventSourcePosition": Wording(enum=("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")),
    "InvokeMode": Wording(enum=("RESPONSE_STREAM", "BUFFERED")),
    "LayerList": Wording(
        of_members="satisfy constraint: [Member must have length less than or equal to 2048, Member must have length "
        "greater than or equal to 1, Member must satisfy regular expression pattern: "
        f"{_LAYER_VERSION}, Member must not be null]"
    ),
    "LayerVersionArn": Wording(pattern=_LAYER_VERSION),
    "PublishLayerVersionRequest": Wording(first=("CompatibleRuntimes",)),
    "RecursiveLoop": Wording(enum=("Terminate", "Allow")),
    "Runtime": Wording(enum=_OF_LAYERS.split()),
}


def check_request(operation: str, parameters: Members) -> None:
    """Refuse what Lambda's model does not allow, in AWS's words.

    Args:
        operation: whose request it is.
        parameters: its members.

    Raises:
        AwsError: ``ValidationException``, naming every member at fault.
    """
    check("lambda", operation, parameters, _WORDINGS)
