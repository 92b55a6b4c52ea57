"""Tasks that answer what a test says, in place of the services that they call: by state, by function, by service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.testing.control import ControlApi


@dataclass
class Mocks:
    """Answers for tasks, for as long as the test runs.

    By state, answers are given one after the other, one for each try, and the last one again and again. By function or
    service, each is given once; while any are left, a task without one fails.

    Args:
        control: the emulator's own API.
        named: gives the physical name of a function of the stack under test, by its logical id or name.
    """

    control: ControlApi
    named: Callable[[str], str] = lambda name: name
    _states: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict, repr=False)
    _answers: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def answer(self, state: str, result: Any, *, machine: str = "", mode: str = "PRESENT") -> None:
        """Have the next try at a state come to *result*: what its task gets, for a ``.sync`` one that of the job.

        Args:
            state: its name.
            result: JSON.
            machine: name of the state machine; all of them when empty.
            mode: how the result is held against the service's model: ``STRICT`` asks for required members, too,
                ``PRESENT`` looks at what is there, ``NONE`` at nothing. The execution fails with what is wrong.

        Raises:
            ValueError: this makes no sense; naming what.
        """
        self._mock(state, machine, mode, {"Return": result})

    def fail(self, state: str, error: str, cause: str | None = None, *, machine: str = "") -> None:
        """Have the next try at a state fail.

        Args:
            state: its name.
            error: the error's name, e.g. ``Lambda.TooManyRequestsException``, as ``Retry`` and ``Catch`` compare it.
            cause: the words that come with it; None: none.
            machine: name of the state machine; all of them when empty.

        Raises:
            ValueError: this makes no sense; naming what.
        """
        self._mock(state, machine, None, {"Throw": {"Error": error, **({"Cause": cause} if cause else {})}})

    def function(
        self, name: str, output: Any = None, *, error: str | None = None, cause: str = "", times: int = 1
    ) -> None:
        """Have a function answer *output*, or fail with *error*, instead of being run.

        Args:
            name: its logical id or name.
            output: what it returns, JSON.
            error: name of the error; None where it is to answer.
            cause: the error's words.
            times: how many invocations; those after them run the function.
        """
        self._script("lambda", self.named(name), output, error, cause, times)

    def service(
        self,
        service: str,
        action: str,
        output: Any = None,
        *,
        error: str | None = None,
        cause: str = "",
        times: int = 1,
    ) -> None:
        """Have a Task's call of a service answer or fail: ``mocks.service("dynamodb", "putItem", output={})``.

        Args:
            service: as the Task's ARN names it.
            action: likewise.
            output: what the service answers, JSON.
            error: name of the error, e.g. ``DynamoDB.ConditionalCheckFailedException``; None where it is to answer.
            cause: the error's words.
            times: how many calls; those after them reach the service.
        """
        self._script(service, action, output, error, cause, times)

    def clear(self) -> None:
        """Have services answer again."""
        self._states.clear()
        self._answers.clear()
        self.control.post("mocks", {"mocks": []})
        self.control.post("tasks/script", {"answers": []})

    def _mock(self, state: str, machine: str, mode: str | None, answer: dict[str, Any]) -> None:
        mock = self._states.setdefault((machine, state), {"state": state, "machine": machine, "answers": {}})
        mock["answers"][str(len(mock["answers"]))] = answer
        if mode is not None:
            mock["mode"] = mode
        self.control.post("mocks", {"mocks": list(self._states.values())})

    def _script(self, service: str, target: str, output: Any, error: str | None, cause: str, times: int) -> None:
        answer: dict[str, Any] = {"service": service, "target": target}
        answer |= {"error": error, "cause": cause} if error is not None else {"output": output}
        self._answers += [answer] * times
        self.control.post("tasks/script", {"answers": self._answers})
