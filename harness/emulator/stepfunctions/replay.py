"""Tasks of state machines that answer what they are told, in place of the services that they call."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.emulator.door.members import Members, optional_text, text
from harness.emulator.stepfunctions.integrations.resource import parse_resource
from harness.emulator.stepfunctions.layers import Intercepted
from harness.states_language.effects import CallResource, Failure, Json, Result

if TYPE_CHECKING:
    from harness.emulator.stepfunctions.run import Run


class TaskScript:
    """Answers waiting for the tasks that will ask for them: a layer between executions and services."""

    def __init__(self) -> None:
        self._answers: deque[Members] = deque()
        self._lock = threading.Lock()

    def load(self, answers: Sequence[Members]) -> None:
        """Have tasks answer *answers*, each target's in their order; none brings the services back.

        An answer is ``{"service", "target"}`` with ``"output"``, or ``"error"`` and ``"cause"``, or ``"silent": true``.
        """
        with self._lock:
            self._answers = deque(answers)

    def __call__(self, run: Run, effect: CallResource) -> Intercepted | None:
        """Take the next answer for *effect*; None while there is no script."""
        with self._lock:
            if not self._answers:
                return None
            service, target = _asked(effect)
            for answer in self._answers:
                if answer["target"] == target and answer["service"] in (service, f"aws-sdk:{service}"):
                    self._answers.remove(answer)
                    return _intercepted(answer, effect)
        return Intercepted(Failure("States.TaskFailed", f"the script has no answer for {service} {target}"))


def _asked(effect: CallResource) -> tuple[str, str]:
    named = parse_resource(effect.resource)
    if named is None:
        return "", effect.resource
    if named.service == "function":
        return "lambda", named.action.split(":")[6]
    if named.service == "lambda" and isinstance(effect.arguments, Mapping):
        parts = str(effect.arguments.get("FunctionName")).split(":")
        return "lambda", parts[6] if len(parts) >= 7 else parts[0]
    return named.service.removeprefix("aws-sdk:"), named.action


def _intercepted(answer: Members, effect: CallResource) -> Intercepted:
    if answer.get("silent"):
        return Intercepted(silent=True)
    if "error" in answer:
        return Intercepted(Failure(text(answer, "error"), optional_text(answer, "cause")))
    output = _output(answer, effect)
    is_function = effect.resource.startswith("arn:aws:lambda:")
    return Intercepted(Result(output, json.dumps(output) if is_function else None))  # as Lambda's Python writes it


def _output(answer: Members, effect: CallResource) -> Json:
    """Return what the service answers: an answer for a function is its payload, unless it is the whole."""
    output = answer.get("output")
    if not effect.resource.startswith("arn:aws:states:::lambda:invoke"):
        return output if output is not None else {}
    if answer.get("whole") and isinstance(output, Mapping) and "Payload" in output:
        return dict(output)
    return {"ExecutedVersion": "$LATEST", "Payload": output, "StatusCode": 200}
