"""Every integration that a Task may name, and what it does: the face that the service sees.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from __future__ import annotations

from harness.emulator.stepfunctions.integrations.reach import Caller, Reach
from harness.states_language.effects import AwaitJob, CallResource, Failure, Result

POLL_SECONDS = 1.0
"""How long to wait between two looks at a job."""


class Integrations:
    """Carries out what tasks ask for. Holds nothing of an execution; safe between threads.

    Args:
        reach: calls services.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def refusal(self, resource: str, *, express: bool = False) -> str | None:
        """Why a definition that names *resource* is refused when it is created, in AWS's words; None where it is not.

        Args:
            resource: a state's ``Resource``.
            express: whether the state machine, or the Distributed Map's child workflow, is an Express one.
        """
        raise NotImplementedError

    def call(self, effect: CallResource, caller: Caller) -> Result | Failure:
        """Call the resource once; returns when the service has answered. Blocks: not for the scheduler's thread."""
        raise NotImplementedError

    def child_execution(self, effect: AwaitJob) -> str | None:
        """ARN of the execution that the task waits for, where it is one: whoever keeps executions need not poll."""
        raise NotImplementedError

    def poll(self, effect: AwaitJob, caller: Caller) -> Result | Failure | None:
        """Look at the job once; None while it is under way. Blocks as a call does."""
        raise NotImplementedError

    def cancel(self, effect: AwaitJob, caller: Caller) -> None:
        """Stop the job, as AWS tries to when the execution is stopped; what cannot be stopped goes on."""
        raise NotImplementedError
