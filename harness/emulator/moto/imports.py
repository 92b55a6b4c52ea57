"""Modules that are told of when they are imported: moto's services are loaded where they are used, not before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class Imports:
    """Tells when modules have been imported, as long as they are awaited.

    Args:
        imported: told the name of a module that was awaited, before anybody else has it.
    """

    def __init__(self, imported: Callable[[str], None]) -> None:
        self._imported = imported
        self._awaited: set[str] = set()

    def expect(self, name: str) -> None:
        """Tell of the module *name*, once it is imported."""
        if not self._awaited:
            sys.meta_path.insert(0, self)
        self._awaited.add(name)

    def forget(self) -> None:
        """Tell of nothing any more."""
        self._awaited.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find an awaited module as Python does; an entry of :data:`sys.meta_path`.

        Args:
            name: of the module.
            path: of its package.
            target: what is loaded anew.
        """
        if name not in self._awaited:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Told(spec.loader, self._imported)
        return spec


class _Told(Loader):
    """Loads as another does, and tells."""

    def __init__(self, loader: Loader, imported: Callable[[str], None]) -> None:
        self._loader = loader
        self._imported = imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._imported(module.__name__)
