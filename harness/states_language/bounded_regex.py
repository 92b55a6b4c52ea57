"""Regular expressions of JSONata that give up when they go back and forth for too long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import regex
from jsonata.regex_engine import RegexFlags

SECONDS = 0.5
"""That one search may take."""


def compile_bounded(pattern: str, flags: RegexFlags) -> BoundedPattern:
    """Compile *pattern*, for jsonata-python."""
    found = (regex.IGNORECASE if flags.case_insensitive else 0) | (regex.MULTILINE if flags.multiline else 0)
    try:
        return BoundedPattern(regex.compile(pattern, found))
    except (regex.error, RecursionError) as error:
        raise ValueError(f"/{pattern}/: {error}") from None


class BoundedPattern:
    """A pattern, as :class:`re.Pattern` has its methods; each raises TimeoutError when it takes too long."""

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern
        self.pattern: str = pattern.pattern
        self.flags: int = pattern.flags

    def search(self, string: str) -> Any:
        """Return the first match, or None."""
        return self._pattern.search(string, timeout=SECONDS)

    def finditer(self, string: str) -> Iterator[Any]:
        """All matches."""
        found: Iterator[Any] = self._pattern.finditer(string, timeout=SECONDS)
        return found

    def sub(self, repl: str | Callable[[Any], str], string: str, count: int = 0) -> str:
        """Return *string* with its matches replaced, as :func:`re.sub` does.

        Args:
            repl: the replacement, or a function that is given each match.
            string: to search in.
            count: how many matches at most; 0: all.

        Raises:
            TimeoutError: the search took longer than ``SECONDS``.
        """
        replaced: str = self._pattern.sub(repl, string, count, timeout=SECONDS)
        return replaced

    def split(self, string: str, maxsplit: int = 0) -> list[str]:
        """Return what is between the matches."""
        parts: list[str] = self._pattern.split(string, maxsplit, timeout=SECONDS)
        return parts
