"""What CreateStateMachine and UpdateStateMachine refuse, in AWS's words: roles, logging, encryption.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html#API_CreateStateMachine_Errors
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.emulator.access.permissions import Permissions
from harness.emulator.access.policies import ALL
from harness.emulator.access.sessions import RoleSession
from harness.emulator.door.call import Call
from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import Members, flag, structure, structures, text
from harness.emulator.stepfunctions.definitions import Definitions
from harness.emulator.stepfunctions.integrations.registry import Integrations
from harness.states_language.machine import Task

_LOG_DELIVERY = (
    "CreateLogDelivery",
    "GetLogDelivery",
    "UpdateLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "DescribeResourcePolicies",
    "DescribeLogGroups",
)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
_MAKES_RULES = ("events:PutTargets", "events:PutRule", "events:DescribeRule")


@dataclass(frozen=True)
class MachineChecks:
    """Looks at what is asked for.

    Attributes:
        definitions: reads what state machines are.
        integrations: know what a role needs for them.
        permissions: knows what roles may do.
        has_log_group: whether there is a log group, by region and name.
    """

    definitions: Definitions
    integrations: Integrations
    permissions: Permissions
    has_log_group: Callable[[str, str], bool]

    def role(self, call: Call, role: str, arn: str, kind: str, definition: str, logging: Members) -> None:
        """Refuse a role that Step Functions may not take on, or that may not do what the definition needs.

        Args:
            call: the request.
            role: ARN of the role.
            arn: of the state machine.
            kind: ``STANDARD`` or ``EXPRESS``.
            definition: text of the definition.
            logging: its loggingConfiguration, as it is described.

        Raises:
            AwsError: InvalidArn, AccessDeniedException.
        """
        if not _ROLE.fullmatch(role):
            raise AwsError("InvalidArn", f"Invalid Role Arn: '{role}'")
        if not self.permissions.trusts(role, "states.amazonaws.com", arn):
            raise AwsError(
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to "
                "assume the provided role.",
            )
        self.log_delivery(logging, role)
        session = RoleSession(role, "StepFunctions")
        for state in self.definitions.parse(definition, kind).walk():
            name = self.integrations.managed_rule(state.resource) if isinstance(state, Task) else None
            rule = f"arn:aws:events:{call.region}:{role.split(':')[4]}:rule/{name}"
            if name and not all(self.permissions.allows(session, action, rule) for action in _MAKES_RULES):
                raise AwsError("AccessDeniedException", f"'{role}' is not authorized to create managed-rule.")

    def log_delivery(self, logging: Members, role: str) -> None:
        """Refuse logs where the state machine's role may not set up their delivery; it need not be allowed to end it.

        https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
        """
        if logging["level"] == "OFF":
            return
        session = RoleSession(role, "StepFunctions")
        if not all(self.permissions.allows(session, f"logs:{action}", ALL) for action in _LOG_DELIVERY):
            raise AwsError(
                "AccessDeniedException",
                "The state machine IAM Role is not authorized to access the Log Destination",
            )

    def logging(self, call: Call, given: Members) -> Members:
        """Return a loggingConfiguration as it is described."""
        level, destinations = text(given, "level", "OFF"), structures(given, "destinations")
        if len(destinations) > 1 or (level != "OFF" and not destinations):
            raise _invalid_logging("Must specify exactly one Log Destination.")
        answer: dict[str, object] = {"level": level, "includeExecutionData": flag(given, "includeExecutionData")}
        if "destinations" in given:
            answer["destinations"] = []
        if destinations:
            group = text(structure(destinations[0], "cloudWatchLogsLogGroup"), "logGroupArn", "")
            parts = group.split(":")
            if len(parts) < 7 or parts[:3] != ["arn", "aws", "logs"]:
                raise _invalid_logging(f"Invalid Log Destination: '{group}'")
            if not self.has_log_group(parts[3] or call.region, parts[6]):
                raise _invalid_logging("Log Destination not found.")
            answer["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]
        return answer

    @staticmethod
    def description(given: Members) -> None:
        """Refuse a version's description where no version is asked for."""
        if given.get("versionDescription") and not given.get("publish"):
            raise AwsError("ValidationException", "Version description can only be set when publish is true")

    @staticmethod
    def encryption(given: Members) -> None:
        """Refuse an encryptionConfiguration that names no key."""
        encryption = structure(given, "encryptionConfiguration")
        if encryption.get("type") == "CUSTOMER_MANAGED_KMS_KEY" and not encryption.get("kmsKeyId"):
            raise AwsError(
                "InvalidEncryptionConfiguration",
                "Invalid Encryption Configuration: 'kmsKeyId must be provided when type is CUSTOMER_MANAGED_KMS_KEY'",
            )


def _invalid_logging(words: str) -> AwsError:
    return AwsError("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {words}")
