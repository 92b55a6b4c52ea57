"""Mocks: tasks that answer what a test says, by state, in the format of Step Functions Local's MockConfigFile.

https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.emulator.door.members import Members
from harness.emulator.stepfunctions.integrations.resource import parse_resource
from harness.emulator.stepfunctions.layers import Intercepted
from harness.emulator.stepfunctions.mock_schema import NONE, check_mock
from harness.states_language.effects import CallResource, Failure, Json, Reply, Result

if TYPE_CHECKING:
    from harness.emulator.stepfunctions.run import Run

_TIMES = re.compile(r"(\d+)(?:-(\d+))?")


class MockError(ValueError):
    """Mocks that make no sense; the message names what."""


@dataclass
class _Answers:
    """What one state answers, by the number of the try."""

    tries: Mapping[int, Reply]
    mode: str = NONE

    @classmethod
    def read(cls, where: str, given: object, mode: str = NONE) -> _Answers:
        if not isinstance(given, Mapping) or not given:
            raise MockError(f"{where} is no object of answers by number of the try")
        tries: dict[int, Reply] = {}
        for times, answer in given.items():
            found = _TIMES.fullmatch(str(times))
            if found is None or int(found[2] or found[1]) < int(found[1]):
                raise MockError(f"{where}: {times!r} is no number of a try, or a range of them like '0-2'")
            for number in range(int(found[1]), int(found[2] or found[1]) + 1):
                tries[number] = _reply(f"{where}.{times}", answer)
        return cls(tries, mode)

    def of(self, number: int) -> Reply:
        """Return the answer to a try; where there is none for it, that to the last one."""
        return self.tries.get(number, self.tries[max(self.tries)])


def _reply(where: str, answer: object) -> Reply:
    if not isinstance(answer, Mapping) or len(answer.keys() & {"Return", "Throw"}) != 1:
        raise MockError(f"{where} has one of Return and Throw")
    if "Return" in answer:
        return Result(answer["Return"])
    thrown = answer["Throw"]
    if not isinstance(thrown, Mapping) or not isinstance(thrown.get("Error"), str):
        raise MockError(f"{where}.Throw has an Error")
    return Failure(thrown["Error"], thrown.get("Cause"))


@dataclass
class MockConfig:
    """A MockConfigFile, read.

    Attributes:
        cases: the states of a test case and their answers, by state machine and test case.
    """

    cases: dict[str, dict[str, dict[str, _Answers]]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> MockConfig:
        """Read the text of such a file.

        Raises:
            MockError: it is none.
        """
        try:
            given = json.loads(text)
            machines, responses = given["StateMachines"], given["MockedResponses"]
        except ValueError as error:
            raise MockError(f"the mocks are no JSON: {error}") from None
        except (KeyError, TypeError):
            raise MockError("the mocks have StateMachines and MockedResponses") from None
        answers = {name: _Answers.read(f"MockedResponses.{name}", each) for name, each in responses.items()}
        cases: dict[str, dict[str, dict[str, _Answers]]] = {}
        for machine, members in machines.items():
            found: dict[str, dict[str, _Answers]] = {}
            for case, states in members.get("TestCases", {}).items():
                missing = [name for name in states.values() if name not in answers]
                if missing:
                    raise MockError(f"MockedResponses has no {missing[0]}, which test case {machine}#{case} names")
                found[case] = {state: answers[name] for state, name in states.items()}
            cases[machine] = found
        return cls(cases)


class Mocks:
    """Answers states that are mocked: a layer between executions and services.

    Args:
        file: a MockConfigFile, read anew whenever a test case of it is started.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._standing: dict[tuple[str, str], _Answers] = {}

    def has_case(self, machine: str, case: str) -> bool:
        """Whether *case* is a test case of *machine*.

        Raises:
            MockError: the file cannot be used.
        """
        return case in self._config().cases.get(machine, {})

    def load(self, mocks: Sequence[Members]) -> None:
        """Have states answer until they are told otherwise; these take the place of what was told before.

        Args:
            mocks: each with the ``state``, a ``machine`` or none for all, ``answers`` as in a MockConfigFile, and the
                ``mode`` in which they are held against the services' models: STRICT, PRESENT or NONE.

        Raises:
            MockError: naming what makes no sense.
        """
        standing = {}
        for given in mocks:
            state, machine, mode = given.get("state"), given.get("machine") or "*", given.get("mode") or NONE
            if not isinstance(state, str):
                raise MockError("a mock names a state")
            if not isinstance(machine, str) or not isinstance(mode, str):
                raise MockError(f"{state}: machine and mode are texts")
            standing[machine, state] = _Answers.read(state, given.get("answers"), mode)
        with self._lock:
            self._standing = standing

    def __call__(self, run: Run, effect: CallResource) -> Intercepted | None:
        """Return what answers *effect*, None where it is not mocked."""
        machine = run.kept.machine.split(":")[6].partition("/")[0]
        answers = None
        if run.test_case is not None:
            answers = self._config().cases.get(machine, {}).get(run.test_case, {}).get(effect.state)
        if answers is None and self._standing:
            with self._lock:
                answers = self._standing.get((machine, effect.state)) or self._standing.get(("*", effect.state))
        if answers is None:
            return None
        number = run.mocked.get(effect.state, 0)
        run.mocked[effect.state] = number + 1
        reply = answers.of(number)
        if isinstance(reply, Result):
            check_mock(effect.resource, reply.value, answers.mode)
        waits = parse_resource(effect.resource)
        if waits is not None and waits.waiting and isinstance(reply, Result):
            return Intercepted(Result(_submitted()), final=reply)
        return Intercepted(reply)

    def _config(self) -> MockConfig:
        if self._file is None:
            return MockConfig()
        try:
            return MockConfig.read(self._file.read_text())
        except OSError as error:
            raise MockError(f"the mocks cannot be read: {error}") from None


def _submitted() -> Json:
    return {"SdkHttpMetadata": {"HttpStatusCode": 200}}
