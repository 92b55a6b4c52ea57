"""Filter patterns of CloudWatch Logs: the terms of unstructured log events.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re

from harness.emulator.door.errors import AwsError

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?:\s+|$)')
_BARE = re.compile(r"\w+")
_STRUCTURED = ("{", "[", "%")
"""How patterns for JSON, for fields between spaces and regular expressions begin."""


class LogPattern:
    """The terms that a log event must have, one of them at least, and must not have.

    A term with ``-`` excludes, those with ``?`` are alternatives, which count only where no other term is given.
    """

    def __init__(self, pattern: str | None) -> None:
        """Read *pattern*; none, or an empty one, matches every event.

        Raises:
            AwsError: it is not as AWS takes patterns, or is of a kind that is not emulated.
        """
        text = (pattern or "").strip()
        if text.startswith(_STRUCTURED):
            words = f"not emulated: filter patterns of CloudWatch Logs other than terms, such as {text}"
            raise AwsError("NotImplemented", words, 501)
        terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
        position = 0
        while position < len(text):
            found = _TERM.match(text, position)
            if found is None:
                raise AwsError("InvalidParameterException", "Invalid filter pattern")
            sign, quoted, bare = found.groups()
            if bare is not None and not _BARE.fullmatch(bare):
                raise AwsError("InvalidParameterException", f"Invalid character(s) in term '{bare}'")
            terms[sign].append(re.sub(r"\\(.)", r"\1", quoted) if bare is None else bare)
            position = found.end()
        self._all, self._any, self._none = terms[""], terms["?"], terms["-"]
        if self._all or self._none:
            self._any = []

    def matches(self, message: str) -> bool:
        """Return whether *message* is of an event that is looked for."""
        if self._any and not any(term in message for term in self._any):
            return False
        return all(term in message for term in self._all) and not any(term in message for term in self._none)
