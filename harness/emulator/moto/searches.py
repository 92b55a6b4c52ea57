"""Has moto's searches by what a request says end: an expression that goes back and forth held the whole process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.emulator.bounded_patterns import BoundedPattern, EndlessPatternError
from harness.emulator.door.errors import AwsError
from harness.emulator.moto.patches import Patch

if TYPE_CHECKING:
    from harness.emulator.door.call import Call

_MODULES = {
    "sqs": (("moto.sqs.models",), "InvalidParameterValue"),
    "events": (("moto.events.models",), "ValidationException"),
    "glue": (("moto.glue.models", "moto.glue.utils"), "InvalidInputException"),
    "ecr": (("moto.ecr.models",), "InvalidParameterException"),
}
"""Services: modules that search by what a request has, and the code of their refusals."""
LOADED_LATER = ("glue", "ecr")
"""Those that nothing else has loaded by the time an emulator runs."""


def search_patches(service: str) -> tuple[Patch, ...]:
    """Bound the searches of *service*, one of those that search."""
    modules, code = _MODULES[service]
    reason = "an expression of a request may go back and forth for ever"
    return tuple(Patch(module, "re", reason, "ours", lambda original: BoundedRe(code)) for module in modules)


class BoundedSearches:
    """Bounds the searches of a service when it is first asked for something: to load moto's takes its time.

    Args:
        apply: puts patches of moto in force.
    """

    def __init__(self, apply: Callable[[Iterable[Patch]], None]) -> None:
        self._apply = lru_cache(lambda service: apply(search_patches(service)))

    def prepare(self, call: Call) -> None:
        """Bound the searches of the service that is called."""
        self._apply(call.service)


class BoundedRe:
    """:mod:`re`, whose searches by expressions that are text give up.

    Args:
        code: of the refusal.
    """

    def __init__(self, code: str) -> None:
        self._code = code

    def __getattr__(self, name: str) -> Any:
        return getattr(re, name)

    def compile(self, pattern: str) -> Any:
        """Return *pattern*, whose searches give up."""
        return _Pattern(pattern, self._code)

    def match(self, pattern: Any, text: str) -> Any:
        """Search at the beginning of *text*."""
        return self._find("match", pattern, text)

    def search(self, pattern: Any, text: str) -> Any:
        """Search in *text*."""
        return self._find("search", pattern, text)

    def fullmatch(self, pattern: Any, text: str) -> Any:
        """Hold all of *text* against *pattern*."""
        return self._find("fullmatch", pattern, text)

    def _find(self, how: str, pattern: Any, text: str) -> Any:
        found = self.compile(pattern) if isinstance(pattern, str) else pattern
        return getattr(found, how)(text)


class _Pattern:
    def __init__(self, pattern: str, code: str) -> None:
        self._code = code
        self._bounded = self._tried(lambda: BoundedPattern(pattern))

    def match(self, text: str) -> Any:
        return self._tried(lambda: self._bounded.match(text))

    def search(self, text: str) -> Any:
        return self._tried(lambda: self._bounded.search(text))

    def fullmatch(self, text: str) -> Any:
        return self._tried(lambda: self._bounded.fullmatch(text))

    def _tried(self, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except (EndlessPatternError, ValueError) as error:
            raise AwsError(self._code, str(error)) from None
