"""JSONPath of one place: ``$.a[0]['b']``, ``$$.Execution.Id``, ``$variable.a``. Until the whole is here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.states_language.effects import Json
from harness.states_language.errors import EvaluationError, SyntaxFault

_ROOT = re.compile(r"\$(\$|[A-Za-z_]\w*)?")
_STEP = re.compile(r"\.([\w -]+)|\[(-?\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


@dataclass(frozen=True)
class Path:
    """A path that names one place.

    Attributes:
        root: ``""`` for the document, ``$`` for the context object, else a variable's name.
        steps: names and indexes.
        definite: whether it names one place.
    """

    root: str
    steps: tuple[str | int, ...]
    definite: bool = True

    def evaluate(self, document: Json, context: Mapping[str, Json], variables: Mapping[str, Json]) -> Json:
        """Return what is there; raises EvaluationError with why nothing is."""
        if self.root and self.root != "$" and self.root not in variables:
            raise EvaluationError("States.Runtime", f"No results for path: $['{self.root}']")
        value: Json = context if self.root == "$" else variables[self.root] if self.root else document
        for position, step in enumerate(self.steps):
            try:
                value = value[step]
            except (LookupError, TypeError):
                last = position == len(self.steps) - 1
                words = "No results for path: $" if last else "Missing property in path $"
                there = "".join(f"[{name!r}]" for name in self.steps[: position + 1])
                raise EvaluationError("States.Runtime", words + there) from None
        return value


def compile(text: str) -> Path:
    """Read a path; raises SyntaxFault where it is none."""
    root = _ROOT.match(text)
    if root is None:
        raise SyntaxFault(text)
    steps: list[str | int] = []
    position = root.end()
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise SyntaxFault(text)
        name, index, *quoted = match.groups()
        steps.append(int(index) if index is not None else next(n for n in (name, *quoted) if n is not None))
        position = match.end()
    return Path(root.group(1) or "", tuple(steps))
