"""CodeDeploy, as far as stacks ask for it: aliases of functions go to their next version at once.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.emulator.cloudformation.providers.base import Made, Work
from harness.emulator.cloudformation.providers.custom import Nothing

_HOOKS = ("BeforeAllowTrafficHook", "AfterAllowTrafficHook")


def hooks_of(update_policy: Mapping[str, Any]) -> list[str]:
    """List the functions that an alias's ``UpdatePolicy`` has CodeDeploy call around a change of its version."""
    asked = update_policy.get("CodeDeployLambdaAliasUpdate") or {}
    return [str(asked[hook]) for hook in _HOOKS if asked.get(hook)]


class Shifting(Nothing):
    """``AWS::CodeDeploy::...``: a name; nothing shifts traffic little by little.

    Args:
        name: the property with the name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def create(self, work: Work) -> Made:
        """Nothing but a name, with a note that says so."""
        made = Made(str(work.properties.get(self._name) or work.name(100)))
        made.notes = ["traffic shifting by CodeDeploy: an alias goes to its next version at once"]
        return made

    def replaces(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether it has another name."""
        return before.get(self._name) != after.get(self._name)


PROVIDERS = {
    "AWS::CodeDeploy::Application": Shifting("ApplicationName"),
    "AWS::CodeDeploy::DeploymentGroup": Shifting("DeploymentGroupName"),
}
