"""The role as which SageMaker runs a training job or serves a model, held against its policies.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from harness.emulator.access.policies import ALL
from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.logs.execution_role import may_log
from harness.emulator.sagemaker.names import refusal

_SERVICE = "sagemaker.amazonaws.com"
_IN_REGISTRY = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)")
_PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")


class ExecutionRole:
    """A role that SageMaker takes on.

    Args:
        context: the emulator's surroundings.
        arn: of the role.
    """

    def __init__(self, context: EmulatorContext, arn: str) -> None:
        self._context = context
        self._arn = arn
        self.session = RoleSession(arn, "SageMaker")

    def require(self, source: str) -> None:
        """Refuse a role that is not there, or that SageMaker may not take on.

        Args:
            source: ARN of what is to run as the role.

        Raises:
            AwsError: ``ValidationException``.
        """
        if not self._context.permissions.trusts(self._arn, _SERVICE, source):
            raise refusal(
                f"Could not assume role {self._arn}. Please ensure that the role exists and allows principal "
                f"'{_SERVICE}' to assume the role."
            )

    def cannot_be_taken_on(self, source: str) -> str | None:
        """SageMaker's words where it may no longer take the role on when it comes to that; None where it may."""
        if self._context.permissions.trusts(self._arn, _SERVICE, source):
            return None
        return f"SageMaker was unable to assume the role '{self._arn}'"

    def client(self, service: str, region: str) -> Any:
        """Return a boto3 client that acts as the role."""
        return self._context.clients.get(service, region, self.session, own=True)

    def cannot_pull(self, image: str) -> str | None:
        """Return the action that the role lacks to pull *image* from its registry; None where it may."""
        found = _IN_REGISTRY.match(image)
        if found is None:
            return None
        repository = f"arn:aws:ecr:{found[2]}:{found[1]}:repository/{found[3]}"
        needed = [("GetAuthorizationToken", ALL), *((action, repository) for action in _PULL)]
        permissions = self._context.permissions
        return next((what for what, on in needed if not permissions.allows(self.session, f"ecr:{what}", on)), None)

    def log(self, region: str, group: str, stream: str) -> Callable[[str], None]:
        """Return what puts lines to a stream of CloudWatch Logs; of a role that may not, they are lost, as on AWS.

        Args:
            region: of the group.
            group: name of the log group, e.g. ``/aws/sagemaker/TrainingJobs``.
            stream: name of the log stream.
        """
        context = self._context
        allowed: list[bool] = []

        def put(line: str) -> None:
            if not allowed:
                is_there = context.logs.has_group(region, group)
                allowed.append(may_log(context.permissions, self.session, region, group, stream, is_there))
            if allowed[0]:
                context.logs.put(region, group, stream, line)

        return put
