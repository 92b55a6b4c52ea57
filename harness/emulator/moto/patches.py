"""Every attribute of moto that is replaced while an emulator runs, in one registry.

What a patch names must be there, and is put back when the emulator stops: moto is then as it was before.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from harness.emulator.moto.imports import Imports

_ABSENT = object()


class PatchError(RuntimeError):
    """The installed moto does not have what a patch is for."""


@dataclass(frozen=True)
class Patch:
    """One attribute of moto, replaced.

    Attributes:
        module: in which it is, ``moto.s3.models``.
        attribute: dotted, below the module: ``FakeBucket.get_permission``.
        reason: why moto's own will not do.
        issue: the address of moto's issue about it, or ``ours`` for what moto need not have.
        replace: makes the replacement, given the original.
    """

    module: str
    attribute: str
    reason: str
    issue: str
    replace: Callable[..., object]


class Patches:
    """Patches that are in force, until :meth:`undo`."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._waiting: dict[str, list[Patch]] = {}
        """By module, until it is imported."""
        self._imports = Imports(lambda name: self._put(self._waiting.pop(name, [])))
        self.applied: list[Patch] = []

    def apply(self, patches: Iterable[Patch]) -> None:
        """Put *patches* in force: of a module that is not imported yet, when it is.

        Raises:
            PatchError: moto lacks what one of them replaces; of a module that is not imported yet, its import does.
        """
        for patch in patches:
            if patch.module in sys.modules:
                self._put([patch])
            else:
                self._waiting.setdefault(patch.module, []).append(patch)
                self._imports.expect(patch.module)

    def _put(self, patches: Iterable[Patch]) -> None:
        for patch in patches:
            owner, name = self._find(patch)
            original = getattr(owner, name)
            own = vars(owner).get(name, _ABSENT)
            setattr(owner, name, patch.replace(original))
            self._undo.append(_restoring(owner, name, own))
            self.applied.append(patch)

    def check(self, patches: Iterable[Patch]) -> None:
        """Look for what *patches* replace.

        Raises:
            PatchError: moto lacks it.
        """
        for patch in patches:
            self._find(patch)

    def undo(self) -> None:
        """Put back what was there before, the last one first."""
        self._imports.forget()
        self._waiting.clear()
        while self._undo:
            self._undo.pop()()
        self.applied.clear()

    def _find(self, patch: Patch) -> tuple[Any, str]:
        owner: Any = importlib.import_module(patch.module)
        *path, name = patch.attribute.split(".")
        for part in path:
            owner = getattr(owner, part, None)
        if owner is None or not hasattr(owner, name):
            raise PatchError(
                f"moto {version('moto')} has no {patch.module}.{patch.attribute}, which the emulator replaces "
                f"({patch.reason}); install a version of moto that this harness was made for: see pyproject.toml."
            )
        return owner, name


def _restoring(owner: Any, name: str, own: Any) -> Callable[[], None]:
    def restore() -> None:
        if own is _ABSENT:
            delattr(owner, name)  # it was inherited
        else:
            setattr(owner, name, own)

    return restore
