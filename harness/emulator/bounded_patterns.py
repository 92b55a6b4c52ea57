"""Regular expressions of users' templates and requests, which may go back and forth for ever: these give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

SECONDS = 0.5
"""That one search may take."""


class EndlessPatternError(ValueError):
    """A search took too long; the message names the expression."""


class BoundedPattern:
    """A regular expression whose searches end.

    Args:
        expression: as :mod:`re` takes it.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, expression: str) -> None:
        import regex  # few need one

        self._expression = expression
        try:
            self._pattern = regex.compile(expression)
        except (regex.error, RecursionError) as error:
            raise ValueError(f"{expression}: {error}") from None

    def search(self, text: str) -> regex.Match[str] | None:
        """Return the first match in *text*.

        Raises:
            EndlessPatternError: it took too long.
        """
        return self._bounded(self._pattern.search, text)

    def match(self, text: str) -> regex.Match[str] | None:
        """Return the match at the beginning of *text*.

        Raises:
            EndlessPatternError: it took too long.
        """
        return self._bounded(self._pattern.match, text)

    def fullmatch(self, text: str) -> regex.Match[str] | None:
        """Return the match of all of *text*.

        Raises:
            EndlessPatternError: it took too long.
        """
        return self._bounded(self._pattern.fullmatch, text)

    def _bounded(self, match: Callable[..., regex.Match[str] | None], text: str) -> regex.Match[str] | None:
        try:
            return match(text, timeout=SECONDS)
        except TimeoutError:
            raise EndlessPatternError(f"the expression {self._expression} took longer than {SECONDS} s") from None
