"""JSONPath as Jayway's JsonPath reads it, which Step Functions uses.

A path that names one place gives what is there; one with a wildcard, a filter, a slice, several names or ``..`` gives
the array of all that it finds, which may be empty.

https://github.com/json-path/JsonPath
https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault
from harness.states_language.jsonpath_functions import FUNCTIONS

if TYPE_CHECKING:
    from harness.states_language.jsonpath_filters import Predicate

MOST = 200_000
"""Places that a path may find."""
SECONDS = 1.0
"""That a step may take."""
_ROOT = re.compile(r"\$(\$|[A-Za-z_]\w*)?")
_NAME = re.compile(r"[^.\[\]()'\"*?@,\s$][^.\[\]()'\"*?@,]*|\$[^.\[\]()'\"*?@,\s]+")
_CALL = re.compile(r"([a-z]+)\(\)")
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*""")
_LONGEST_INDEX = 1000
_INDEXES = re.compile(r"\s*-?\d+\s*(?:,\s*-?\d+\s*)*")
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?")
_ESCAPE = re.compile(r"\\(.)")

Find = Callable[[Json, Json], Iterator[Json]]
"""Gives what a step finds in a value; the second is what ``$`` means in a filter."""


@dataclass(frozen=True)
class Step:
    """A step that may find any number of values.

    Attributes:
        text: as messages have it.
        find: gives what it finds.
    """

    text: str
    find: Find = field(repr=False, compare=False)


@dataclass(frozen=True)
class Path:
    """A compiled path.

    Attributes:
        root: ``""`` for the document, ``$`` for the context object, else a variable's name.
        steps: names and indexes, and what finds more than one place.
        function: name of the function at its end, or None.
    """

    root: str
    steps: tuple[str | int | Step, ...]
    function: str | None = None

    @property
    def definite(self) -> bool:
        """Whether it names one place."""
        return not any(isinstance(step, Step) for step in self.steps)

    def evaluate(self, document: Json, context: Mapping[str, Json], variables: Mapping[str, Json]) -> Json:
        """Return what is there.

        Args:
            document: what ``$`` means.
            context: what ``$$`` means.
            variables: by name.

        Raises:
            EvaluationError: ``States.Runtime``: nothing is there, with why in the words of AWS.
        """
        if not self.root:
            value = document
        elif self.root == "$":
            value = context
        elif self.root in variables:
            value = variables[self.root]
        else:
            raise EvaluationError("States.Runtime", f"No results for path: $['{self.root}']")
        top = value
        for position, step in enumerate(self.steps):
            if isinstance(step, Step):
                value = self._all(value, position, top)
                break
            if isinstance(value, list) if type(step) is int else isinstance(value, dict):
                try:
                    value = value[step]
                    continue
                except LookupError:
                    pass
            if not self.definite:
                return []
            raise self._nothing(position)
        return value if self.function is None else FUNCTIONS[self.function](value)

    def _all(self, value: Json, position: int, top: Json) -> list[Json]:
        found = [value]
        ends = time.monotonic() + SECONDS
        for step in self.steps[position:]:
            after: list[Json] = []
            for each in found:
                _hold(ends)
                if isinstance(step, Step):
                    for member in step.find(each, top):
                        after.append(member)
                        if len(after) > MOST:
                            raise EvaluationError("States.Runtime", f"finds more than {MOST} values")
                elif isinstance(step, str):
                    if isinstance(each, dict) and step in each:
                        after.append(each[step])
                elif isinstance(each, list) and -len(each) <= step < len(each):
                    after.append(each[step])
            found = after
        _hold(ends)  # also where a path within a filter took the time, and counts as leading nowhere
        return found

    def _nothing(self, position: int) -> EvaluationError:
        there = "".join(f"[{step!r}]" for step in self.steps[: position + 1] if not isinstance(step, Step))
        last = position == len(self.steps) - 1
        return EvaluationError(
            "States.Runtime", ("No results for path: $" if last else "Missing property in path $") + there
        )


def compile(text: str) -> Path:
    """Read a path.

    Raises:
        SyntaxFault: it is none.
    """
    root = _ROOT.match(text)
    if root is None:
        raise SyntaxFault(text)
    steps: list[str | int | Step] = []
    position, function = root.end(), None
    while position < len(text):
        if function is not None:
            raise SyntaxFault(text)
        deep = text.startswith("..", position)
        if deep:
            position += 2
        elif text[position] == ".":
            position += 1
        elif text[position] != "[":
            raise SyntaxFault(text)
        if position >= len(text):
            raise SyntaxFault(text)
        if text[position] == "[":
            step, position = _bracket(text, position)
        elif text[position] == "*":
            step, position = Step("[*]", _members), position + 1
        elif (call := _CALL.match(text, position)) and not deep:
            if call[1] not in FUNCTIONS or call.end() != len(text):
                raise SyntaxFault(text)
            function, position = call[1], call.end()
            continue
        else:
            name = _NAME.match(text, position)
            if name is None:
                raise SyntaxFault(text)
            step, position = name[0].rstrip() if name.end() == len(text) else name[0], name.end()
        steps.append(_anywhere(step) if deep else step)
    return Path(root[1] or "", tuple(steps), function)


def _bracket(text: str, start: int) -> tuple[str | int | Step, int]:
    """Read the step in brackets that begin at *start*, and say where the text goes on."""
    inside = start + 1
    if match := re.compile(r"\s*\*\s*\]").match(text, inside):
        return Step("[*]", _members), match.end()
    if match := re.compile(r"\s*\?\s*\(").match(text, inside):
        from harness.states_language.jsonpath_filters import read_filter  # most paths have none

        predicate, end = read_filter(text, match.end(), _compile_within)
        closing = re.compile(r"\s*\]").match(text, end)
        if closing is None:
            raise SyntaxFault(text)
        return Step("[?]", _filtered(predicate)), closing.end()
    if (match := _SLICE.match(text, inside)) and text[match.end() : match.end() + 1] == "]":
        first, last, stride = (None if part is None else _index(part, text) for part in match.groups())
        if stride == 0:
            raise SyntaxFault(text)
        return Step("[:]", _sliced(slice(first, last, stride))), match.end() + 1
    if (match := _INDEXES.match(text, inside)) and text[match.end() : match.end() + 1] == "]":
        indexes = [_index(part, text) for part in match[0].split(",")]
        return (indexes[0] if len(indexes) == 1 else Step("[,]", _at(indexes))), match.end() + 1
    names: list[str] = []
    position = inside
    while match := _QUOTED.match(text, position):
        names.append(_ESCAPE.sub(r"\1", match[1] if match[1] is not None else match[2]))
        position = match.end()
        if text[position : position + 1] == "]":
            return (names[0] if len(names) == 1 else Step("[,]", _named(names))), position + 1
        if text[position : position + 1] != ",":
            break
        position += 1
    raise SyntaxFault(text)


def _compile_within(text: str, start: int) -> tuple[Path, int]:
    """Compile the path that begins at *start*, inside a filter, and say where it ends; ``@`` stands for ``$``."""
    position, depth, quote = start + 1, 0, ""
    while position < len(text):
        char = text[position]
        if quote:
            position += char == "\\"
            quote = "" if char == quote else quote
        elif depth and char in "'\"":
            quote = char
        elif char == "[":
            depth += 1
        elif char == "]":
            if not depth:
                break
            depth -= 1
        elif not depth and char == "(" and text.startswith("()", position):
            position += 1
        elif not depth and not (char.isalnum() or char in "._*-$"):
            break
        position += 1
    return compile(f"${text[start + 1 : position]}"), position


def _hold(ends: float) -> None:
    if time.monotonic() > ends:
        raise EvaluationError("States.Runtime", "The evaluation of the path takes too long")


def _members(value: Json, top: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _filtered(predicate: Predicate) -> Find:
    def find(value: Json, top: Json) -> Iterator[Json]:
        ends = time.monotonic() + SECONDS
        for member in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
            _hold(ends)
            if predicate(member, top):
                yield member

    return find


def _sliced(part: slice) -> Find:
    return lambda value, top: iter(value[part] if isinstance(value, list) else [])


def _index(part: str, text: str) -> int:
    if len(part) > _LONGEST_INDEX:
        raise SyntaxFault(text)
    return int(part)


def _at(indexes: list[int]) -> Find:
    def find(value: Json, top: Json) -> Iterator[Json]:
        if isinstance(value, list):
            yield from (value[index] for index in indexes if -len(value) <= index < len(value))

    return find


def _named(names: list[str]) -> Find:
    def find(value: Json, top: Json) -> Iterator[Json]:
        if isinstance(value, dict):
            found = {name: value[name] for name in names if name in value}
            if found:
                yield found

    return find


def _anywhere(step: str | int | Step) -> Step:
    """Return a step at any depth."""

    def here(value: Json, top: Json) -> Iterator[Json]:
        if isinstance(step, Step):
            yield from step.find(value, top)
        elif isinstance(step, str):
            if isinstance(value, dict) and step in value:
                yield value[step]
        elif isinstance(value, list) and -len(value) <= step < len(value):
            yield value[step]

    def find(value: Json, top: Json) -> Iterator[Json]:
        waiting = [value]
        ends = time.monotonic() + SECONDS
        while waiting:
            _hold(ends)
            next_ = waiting.pop()
            yield from here(next_, top)
            if isinstance(next_, dict):
                waiting.extend(reversed(next_.values()))
            elif isinstance(next_, list):
                waiting.extend(reversed(next_))

    return Step("..", find)
