"""Tasks that answer what a test says, in place of the services that they call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.testing.control import ControlApi
    from harness.testing.stack import StackUnderTest


@dataclass
class Mocks:
    """Answers for tasks, each target's in their order. While answers are left, a task without one fails."""

    control: ControlApi
    stack: StackUnderTest
    _answers: list[dict[str, Any]] = field(default_factory=list)

    def function(
        self, name: str, output: Any = None, *, error: str | None = None, cause: str = "", times: int = 1
    ) -> None:
        """Have a function, by its logical id or name, answer *output*, or fail with *error*, so many *times*."""
        self._add("lambda", self.stack.named(name), output, error, cause, times)

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
        """The same for an integration: ``mocks.service("dynamodb", "putItem", output={})``."""
        self._add(service, action, output, error, cause, times)

    def clear(self) -> None:
        """Have services answer again."""
        self._answers.clear()
        self._load()

    def _add(self, service: str, target: str, output: Any, error: str | None, cause: str, times: int) -> None:
        answer: dict[str, Any] = {"service": service, "target": target}
        answer |= {"error": error, "cause": cause} if error is not None else {"output": output}
        self._answers += [answer] * times
        self._load()

    def _load(self) -> None:
        self.control.post("tasks/script", {"answers": self._answers})
