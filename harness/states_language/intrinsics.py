"""Intrinsic functions of JSONPath states: ``States.Format('Hello, {}', $.name)``.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from harness.states_language import jsonpath
from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault
from harness.states_language.intrinsic_functions import FUNCTIONS, FunctionError
from harness.states_language.text import dumps, number_of

DEEPEST = 10
"""Functions within one another."""
_NAME = re.compile(r"\s*(States\.[A-Za-z0-9]+)\s*\(")
_TEXT = re.compile(r"\s*'((?:[^'\\]|\\['\\{}])*)'")  # no other escapes are known to AWS
_NUMBER = re.compile(r"\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\s*[,)])")
_WORD = re.compile(r"\s*(true|false|null)(?=\s*[,)])")
_ESCAPE = re.compile(r"\\(['\\{}])")
_WORDS = {"true": True, "false": False, "null": None}

Given = tuple[Json, Mapping[str, Json], Mapping[str, Json], Random]
"""Document, context object, variables, and what is drawn from."""


@dataclass(frozen=True)
class Expression:
    """A compiled call.

    Attributes:
        text: as it was written.
        paths: of its arguments.
    """

    text: str
    paths: tuple[jsonpath.Path, ...] = field(repr=False)
    _call: Callable[[Given], Json] = field(repr=False, compare=False)

    def evaluate(
        self, document: Json, context: Mapping[str, Json], variables: Mapping[str, Json], random: Random
    ) -> Json:
        """Call the function.

        Args:
            document: what ``$`` means in its arguments.
            context: what ``$$`` means.
            variables: by name.
            random: what ``States.UUID`` and ``States.MathRandom`` draw from.

        Raises:
            EvaluationError: ``States.IntrinsicFailure``, or ``States.Runtime`` for a path that leads nowhere.
        """
        try:
            return self._call((document, context, variables, random))
        except FunctionError as error:
            words = f"The function '{self.text}' had the following error: {error}"
            raise EvaluationError("States.IntrinsicFailure", words) from None
        except _MissingPathError as error:
            words = (
                f"The function '{self.text}' had the following error: The JsonPath argument for the field "
                f"'{error.path}' could not be found in the input '{dumps(error.root)}'"
            )
            raise EvaluationError("States.Runtime", words) from None


class _MissingPathError(Exception):
    def __init__(self, path: str, root: Json) -> None:
        super().__init__(path)
        self.path = path
        self.root = root


def compile(text: str) -> Expression:
    """Read a call.

    Raises:
        SyntaxFault: it is none, of an unknown function, has too many or too few arguments, or goes too deep.
    """
    reader = _Reader(text)
    call, end = reader.call(0, 1)
    if text[end:].strip():
        raise SyntaxFault(text)
    return Expression(text, tuple(reader.paths), call)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.paths: list[jsonpath.Path] = []

    def call(self, start: int, depth: int) -> tuple[Callable[[Given], Json], int]:
        name = _NAME.match(self._text, start)
        function = FUNCTIONS.get(name[1]) if name else None
        if name is None or function is None or depth > DEEPEST:
            raise SyntaxFault(self._text)
        arguments: list[Callable[[Given], Any]] = []
        position = name.end()
        if closing := re.compile(r"\s*\)").match(self._text, position):
            position = closing.end()
        else:
            while True:
                argument, position = self._argument(position, depth)
                arguments.append(argument)
                separator = re.compile(r"\s*([,)])").match(self._text, position)
                if separator is None:
                    raise SyntaxFault(self._text)
                position = separator.end()
                if separator[1] == ")":
                    break
        if not function.fewest <= len(arguments) <= function.most:
            raise SyntaxFault(self._text)
        run = function.run
        return (lambda given: run(given[3], [argument(given) for argument in arguments])), position

    def _argument(self, start: int, depth: int) -> tuple[Callable[[Given], Any], int]:
        text = self._text
        if match := _TEXT.match(text, start):
            # Braces keep their backslash: States.Format tells by it that they are no place for a value.
            constant: Any = Literal(match[1])
        elif match := _NUMBER.match(text, start):
            constant = number_of(match[0], text)
        elif match := _WORD.match(text, start):
            constant = _WORDS[match[1]]
        elif _NAME.match(text, start):
            return self.call(start, depth + 1)
        else:
            return self._path(start)
        return (lambda given: constant), match.end()

    def _path(self, start: int) -> tuple[Callable[[Given], Any], int]:
        text = self._text
        while start < len(text) and text[start].isspace():
            start += 1
        end, depth, quote = start, 0, ""
        while end < len(text):
            char = text[end]
            if quote:
                end += char == "\\"
                quote = "" if char == quote else quote
            elif depth and char in "'\"":
                quote = char
            elif char in "[(":
                depth += 1
            elif char in "])":
                if not depth:
                    break
                depth -= 1
            elif char == "," and not depth:
                break
            end += 1
        named = text[start:end].rstrip()
        path = jsonpath.compile(named)
        self.paths.append(path)

        def find(given: Given) -> Json:
            document, context, variables, _ = given
            try:
                return path.evaluate(document, context, variables)
            except EvaluationError:
                raise _MissingPathError(named, context if path.root == "$" else document) from None

        return find, end


class Literal(str):
    """A text between quotation marks, its escapes as they were written."""

    @property
    def value(self) -> str:
        """The text that is meant."""
        return _ESCAPE.sub(r"\1", self)
