"""Filter patterns for log events of fields between spaces: ``[ip, ..., status = 4*, bytes > 1000]``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-space-delimited-log-events.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.emulator.logs.pattern_parts import Condition, InvalidPatternError, Reader, number_of

_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
_NAME = re.compile(r"[\w-]+")


def field_pattern(text: str) -> Callable[[str], bool]:
    """Read a pattern in brackets; what it gives says whether a message is wanted.

    ``...`` stands for any number of fields. Without one, the last field is all that is left of the message.

    Raises:
        InvalidPatternError: AWS takes no such pattern.
    """
    if not text.endswith("]"):
        raise InvalidPatternError("Invalid filter pattern")
    reader = Reader(text[1:-1])
    before: list[Condition] = []
    after: list[Condition] | None = None
    while True:
        if reader.take("bare", "..."):
            if after is not None:
                raise InvalidPatternError("Invalid filter pattern")
            after = []
        else:
            (before if after is None else after).append(reader.condition(lambda: _comparison(reader)))
        if reader.has_ended:
            break
        reader.need("sign", ",")

    def matches(message: str) -> bool:
        fields = [next(part for part in found if part is not None) for found in _parts(message)]
        if after is None:
            if len(fields) < len(before):
                return False
            return all(condition(field) for condition, field in zip(before, fields, strict=False))
        if len(fields) < len(before) + len(after):
            return False
        ends = fields[len(fields) - len(after) :]
        first = all(condition(field) for condition, field in zip(before, fields, strict=False))
        return first and all(condition(field) for condition, field in zip(after, ends, strict=True))

    return matches


def _parts(message: str) -> list[tuple[str | None, ...]]:
    return [found.groups() for found in _FIELD.finditer(message)]


def _comparison(reader: Reader) -> Condition:
    if not _NAME.fullmatch(reader.need("bare")):
        raise InvalidPatternError("Invalid filter pattern")
    if reader.is_at(",", "&&", "||", ")"):
        return lambda field: True
    is_negated = reader.is_at("!=")
    compare = reader.compared()

    def holds(field: str) -> bool:
        number = number_of(field)
        seen = [compare(field), *([compare(number)] if number is not None else [])]
        return all(seen) if is_negated else any(seen)

    return holds
