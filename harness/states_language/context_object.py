"""The context object: what ``$$`` and ``$states.context`` say of an execution, its machine and a state.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.states_language.effects import Json
from harness.states_language.timestamps import iso


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who an execution is, as its context object and its events say."""

    execution_arn: str = "arn:aws:states:us-east-1:123456789012:execution:StateMachine:Execution"
    name: str = "Execution"
    role_arn: str | None = "arn:aws:iam::123456789012:role/StepFunctionsRole"
    machine_arn: str = "arn:aws:states:us-east-1:123456789012:stateMachine:StateMachine"
    machine_name: str = "StateMachine"
    region: str = "us-east-1"
    version_arn: str | None = None
    alias_arn: str | None = None

    def as_context(self, given: Json, now: float) -> dict[str, Json]:
        """Return ``Execution`` of the context object.

        Args:
            given: the execution's input.
            now: when it begins, in seconds since 1970.
        """
        found: dict[str, Json] = {
            "Id": self.execution_arn,
            "Input": given,
            "StartTime": iso(now),
            "Name": self.name,
            "RoleArn": self.role_arn,
        }
        if ":express:" not in self.execution_arn:
            found["RedriveCount"] = 0
        return found


class _About(dict[str, Json]):
    """``State`` of the context object: one that is never tried again shows no ``RetryCount``, but has it when asked."""

    def __missing__(self, name: str) -> Json:
        if name == "RetryCount":
            return 0
        raise KeyError(name)


def about(name: str, entered_at: float, retries: int | None) -> dict[str, Json]:
    """``State`` of the context object.

    Args:
        name: of the state.
        entered_at: in seconds since 1970.
        retries: before this try; None leaves them out, as AWS does before a first retry.
    """
    found = _About({"Name": name, "EnteredTime": iso(entered_at)})
    if retries is not None:
        found["RetryCount"] = retries
    return found


def context_object(
    identity: Identity, execution: Mapping[str, Json], item: Mapping[str, Json] | None, state: Mapping[str, Json]
) -> dict[str, Json]:
    """Return the context object as a state sees it.

    Args:
        identity: who the execution is.
        execution: ``Execution``.
        item: ``Map.Item``, in a Map.
        state: ``State``.
    """
    context: dict[str, Json] = {
        "Execution": execution,
        "StateMachine": {"Id": identity.machine_arn, "Name": identity.machine_name},
        "State": state,
    }
    if item is not None:
        context["Map"] = {"Item": item}
    return context
