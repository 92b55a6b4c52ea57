"""What filter patterns of CloudWatch Logs are made of: symbols, comparisons, and conditions of several of them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.emulator.bounded_patterns import BoundedPattern, EndlessPatternError
from harness.states_language.wildcards import pattern_of_parts

logger = logging.getLogger(__name__)

Condition = Callable[[Any], bool]
"""Whether a log event, as its kind of pattern sees it, is wanted."""

_SYMBOL = re.compile(
    r"""\s*(?:(?P<sign>&&|\|\||\(|\)|>=|<=|!=|=|>|<|,)
        |"(?P<quoted>(?:[^"\\]|\\.)*)"
        |%(?P<expression>(?:[^%\\]|\\.)*)%
        |(?P<bare>(?:\['[^']*'\]|[^\s()=<>!&|,"%])+))""",
    re.VERBOSE,
)
_EXPRESSION = re.compile(r"[A-Za-z0-9_#=@/;,:\-\s^$?\[\]{}|\\*+.]*")
"""What AWS takes in a regular expression; no parentheses, which would group."""
_DEEPEST = 50
"""Parentheses in parentheses."""
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
}


class InvalidPatternError(ValueError):
    """AWS takes no such pattern; the message is AWS's."""


@dataclass(frozen=True)
class Symbol:
    """A part of a pattern: ``sign``, ``quoted``, ``expression`` or ``bare``, and its text."""

    kind: str
    text: str


class Operand:
    """A text that values are held against; one that was not quoted has wildcards, and may be a number.

    Args:
        text: as the pattern has it.
        is_bare: whether it was not quoted.
    """

    def __init__(self, text: str, is_bare: bool = False) -> None:
        self._text = text
        self._fits = pattern_of_parts(text.split("*"))
        self.number = number_of(text) if is_bare else None

    def is_in(self, message: str) -> bool:
        """Whether *message* has the text somewhere."""
        return self._text in message

    def equals(self, value: Any) -> bool:
        """Whether *value*, JSON, is it."""
        if self._text == "*":
            return value is not None
        if isinstance(value, str):
            return self._fits(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return value == self.number if self.number is not None else self._fits(str(value))


class RegularExpression:
    """What was between two ``%``."""

    number: float | None = None

    def __init__(self, pattern: BoundedPattern) -> None:
        self._pattern = pattern

    def is_in(self, message: str) -> bool:
        """Whether it matches somewhere in *message*."""
        try:
            return self._pattern.search(message) is not None
        except EndlessPatternError as error:
            logger.warning("a log event is not searched: %s", error)
            return False

    def equals(self, value: Any) -> bool:
        """Whether it matches somewhere in *value*, a text or a number."""
        return isinstance(value, (str, int, float)) and not isinstance(value, bool) and self.is_in(str(value))


def regular_expression(text: str) -> RegularExpression:
    """Read a regular expression.

    Raises:
        InvalidPatternError: it is none, or has what AWS does not take.
    """
    if not _EXPRESSION.fullmatch(text):
        raise InvalidPatternError(f"Invalid character(s) in term '%{text}%'")
    try:
        return RegularExpression(BoundedPattern(text))
    except ValueError:
        raise InvalidPatternError("Invalid filter pattern") from None


def number_of(text: str) -> float | None:
    """Return the number that *text* is; None where it is none."""
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None


class Reader:
    """Reads a pattern from its beginning to its end.

    Args:
        text: between its brackets or braces.

    Raises:
        InvalidPatternError: it has something that is no symbol.
    """

    def __init__(self, text: str) -> None:
        self._symbols: list[Symbol] = []
        position, text = 0, text.rstrip()
        while position < len(text):
            found = _SYMBOL.match(text, position)
            if found is None or found.lastgroup is None:
                raise InvalidPatternError("Invalid filter pattern")
            self._symbols.append(Symbol(found.lastgroup, found[found.lastgroup]))
            position = found.end()
        self._at = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._symbols)

    def is_at(self, *signs: str) -> bool:
        """Whether nothing is left, or one of *signs* comes next."""
        return self.has_ended or (self._symbols[self._at].kind == "sign" and self._symbols[self._at].text in signs)

    def take(self, kind: str, *texts: str) -> str | None:
        """Take the next symbol's text, where it is of *kind* and one of *texts*; else take nothing and return None."""
        if self.has_ended or self._symbols[self._at].kind != kind:
            return None
        text = self._symbols[self._at].text
        if texts and text not in texts:
            return None
        self._at += 1
        return text

    def need(self, kind: str, *texts: str) -> str:
        """Take the next symbol's text, which must be there.

        Raises:
            InvalidPatternError: it is something else.
        """
        text = self.take(kind, *texts)
        if text is None:
            raise InvalidPatternError("Invalid filter pattern")
        return text

    def condition(self, comparison: Callable[[], Condition], depth: int = 0) -> Condition:
        """Read comparisons joined by ``&&``, ``||`` and parentheses; ``&&`` binds closer.

        Args:
            comparison: reads one.
            depth: in how many parentheses this is.
        """
        alternatives = [self._all(comparison, depth)]
        while self.take("sign", "||"):
            alternatives.append(self._all(comparison, depth))
        if len(alternatives) == 1:
            return alternatives[0]
        return lambda event: any(each(event) for each in alternatives)

    def _all(self, comparison: Callable[[], Condition], depth: int) -> Condition:
        needed = [self._one(comparison, depth)]
        while self.take("sign", "&&"):
            needed.append(self._one(comparison, depth))
        return needed[0] if len(needed) == 1 else lambda event: all(each(event) for each in needed)

    def _one(self, comparison: Callable[[], Condition], depth: int) -> Condition:
        if not self.take("sign", "("):
            return comparison()
        if depth == _DEEPEST:
            raise InvalidPatternError("Invalid filter pattern")
        inner = self.condition(comparison, depth + 1)
        self.need("sign", ")")
        return inner

    def compared(self) -> Condition:
        """Read an operator and what it compares with; the condition takes a value that is there."""
        sign = self.need("sign", "=", "!=", ">", ">=", "<", "<=")
        operand = self._operand()
        if sign == "=":
            return operand.equals
        if sign == "!=":
            return lambda value: not operand.equals(value)
        limit, holds = operand.number, _COMPARED[sign]
        if limit is None:
            raise InvalidPatternError("Invalid filter pattern")
        return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and holds(value, limit)

    def _operand(self) -> Operand | RegularExpression:
        expression = self.take("expression")
        if expression is not None:
            return regular_expression(expression)
        quoted = self.take("quoted")
        if quoted is not None:
            return Operand(re.sub(r"\\(.)", r"\1", quoted))
        return Operand(self.need("bare"), is_bare=True)
