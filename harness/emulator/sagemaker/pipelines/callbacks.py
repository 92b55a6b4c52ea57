"""Callback steps: a message with a token goes to a queue, and whoever has the token says how it ended.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html#step-type-callback
"""

from __future__ import annotations

import json
import secrets
import string
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.emulator.sagemaker.pipelines.definition import StepError

_LETTERS = string.ascii_letters + string.digits


class Callbacks:
    """The callbacks that an execution waits for."""

    def __init__(self) -> None:
        self._waiting: dict[str, Mapping[str, Any] | None] = {}
        self._changed = threading.Condition()
        self._stopped = False

    def wait_for(self, send: Callable[[str], object], shown: Callable[[str], object]) -> Mapping[str, Any]:
        """Have *send* hand out a new token, and wait until somebody uses it; what they gave.

        Args:
            send: sends a token.
            shown: told of the token before it is sent.

        Raises:
            StepError: they said that it failed, or the execution was stopped.
        """
        token = "".join(secrets.choice(_LETTERS) for _ in range(10))
        with self._changed:
            self._waiting[token] = None
        shown(token)
        try:
            send(token)
            with self._changed:
                self._changed.wait_for(lambda: self._waiting[token] is not None or self._stopped)
                given = self._waiting[token]
        finally:
            with self._changed:
                del self._waiting[token]
        if given is None:
            raise StepError("The step was stopped")
        if "failure" in given:
            raise StepError(given["failure"] or "ClientError: the callback failed")
        outputs: Mapping[str, Any] = given["outputs"]
        return outputs

    def end(self, token: str, given: Mapping[str, Any]) -> bool:
        """Use a token; gives whether this execution waits for it.

        Args:
            token: of the message.
            given: ``outputs`` by name, or ``failure``.
        """
        with self._changed:
            if token not in self._waiting or self._waiting[token] is not None:
                return False
            self._waiting[token] = given
            self._changed.notify_all()
            return True

    def stop(self) -> None:
        """Wait no longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


def message(token: str, execution: str, step: str, arguments: Mapping[str, Any]) -> str:
    """Return the body of the message that a Callback step sends to its queue.

    Args:
        token: by which SendPipelineExecutionStepSuccess answers.
        execution: ARN of the pipeline's execution.
        step: its name.
        arguments: the step's ``inputs``, evaluated.
    """
    told = {
        "token": token,
        "arguments": arguments,
        "pipelineExecutionArn": execution,
        "stepName": step,
        "status": "Executing",
    }
    return json.dumps(told)
