"""Filter patterns of CloudWatch Logs: of terms, of JSON's members, of fields between spaces, and regular expressions.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from harness.emulator.door.errors import AwsError
from harness.emulator.logs.field_patterns import field_pattern
from harness.emulator.logs.json_patterns import json_pattern
from harness.emulator.logs.pattern_parts import InvalidPatternError, Operand, regular_expression

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)*)%|([^\s"]+))(?:\s+|$)')
_BARE = re.compile(r"\w+")
_LONGEST = 1024
"""Characters of a pattern, by CloudWatch Logs' API."""


class Term(Protocol):
    """What is looked for in a message."""

    def is_in(self, message: str) -> bool:
        """Whether *message* has it."""


class LogPattern:
    """Says which log events are wanted.

    Args:
        pattern: none, or an empty one, matches every event.

    Raises:
        AwsError: ``InvalidParameterException``: it is not as AWS takes patterns.
    """

    def __init__(self, pattern: str | None) -> None:
        text = (pattern or "").strip()
        try:
            if len(text) > _LONGEST:
                raise InvalidPatternError("Invalid filter pattern")
            self.matches: Callable[[str], bool] = _read(text)
        except InvalidPatternError as error:
            raise AwsError("InvalidParameterException", str(error)) from None


def _read(text: str) -> Callable[[str], bool]:
    if text.startswith("{"):
        return json_pattern(text)
    if text.startswith("["):
        return field_pattern(text)
    return _terms(text)


def _terms(text: str) -> Callable[[str], bool]:
    """Terms that an event must have, one of them at least, and must not have.

    One with ``-`` excludes; those with ``?`` are alternatives, which count only where no other term is given.
    """
    terms: dict[str, list[Term]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise InvalidPatternError("Invalid filter pattern")
        sign, quoted, expression, bare = found.groups()
        if bare is not None and not _BARE.fullmatch(bare):
            raise InvalidPatternError(f"Invalid character(s) in term '{bare}'")
        if expression is not None:
            terms[sign].append(regular_expression(expression))
        else:
            terms[sign].append(Operand(re.sub(r"\\(.)", r"\1", quoted) if bare is None else bare))
        position = found.end()
    wanted, excluded = terms[""], terms["-"]
    alternatives = [] if wanted or excluded else terms["?"]

    def matches(message: str) -> bool:
        if alternatives and not any(term.is_in(message) for term in alternatives):
            return False
        return all(term.is_in(message) for term in wanted) and not any(term.is_in(message) for term in excluded)

    return matches
