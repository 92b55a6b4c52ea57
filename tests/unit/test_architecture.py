"""The lines of the house: who may import whom. See ARCHITECTURE.md."""

import ast
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORTS_MOTO = "harness/emulator/moto"
UPPER = (
    "commands",
    "dashboard",
    "testing",
    "scones",
    "evaluation",
    "monitor",
    "capture",
    "project",
    "cloud",
    "targets",
)
FORBIDDEN = {
    "harness/states_language": ("harness.emulator", *(f"harness.{room}" for room in UPPER)),
    "harness/algorithms": ("harness.emulator", *(f"harness.{room}" for room in UPPER)),
    "harness/emulator": tuple(f"harness.{room}" for room in UPPER),
    "harness/scones": (
        *("harness.emulator.moto", "harness.commands", "harness.dashboard"),
        *("harness.evaluation", "harness.monitor"),
    ),
    "harness/evaluation": ("harness.emulator.moto", "harness.commands", "harness.dashboard", "harness.monitor"),
    "harness/monitor": ("harness.emulator", "harness.commands", "harness.dashboard", "harness.evaluation"),
    "harness/capture": (
        *("harness.emulator", "harness.commands", "harness.dashboard", "harness.evaluation"),
        *("harness.monitor", "harness.scones", "harness.cloud"),
    ),
    "harness/targets": ("harness.commands", "harness.dashboard", "harness.scones", "harness.emulator.moto"),
    "harness/cloud": tuple(f"harness.{room}" for room in UPPER if room not in ("cloud", "project", "targets")),
    "harness/reporting": ("harness.emulator", *(f"harness.{room}" for room in UPPER)),
    "harness/project": ("harness.commands", "harness.dashboard", "harness.scones", "harness.emulator.moto"),
    "lambdas": ("harness",),
}


@lru_cache(2048)
def tree_of(path):
    """A module, parsed once for all tests."""
    return ast.parse(path.read_text())


def imports(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name, package):
    return name == package or name.startswith(f"{package}.")


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def test_only_one_room_imports_moto():
    importers = {
        path.relative_to(ROOT).as_posix()
        for path in files("harness")
        if any(within(name, "moto") for name in imports(path))
    }
    outside = {name for name in importers if not name.startswith(IMPORTS_MOTO)}
    assert outside == set()


@pytest.mark.parametrize("room", FORBIDDEN)
def test_nothing_imports_upwards(room):
    upwards = [
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for path in files(room)
        for name in imports(path)
        if any(within(name, package) for package in FORBIDDEN[room])
    ]
    assert upwards == []


@pytest.mark.parametrize("inside", ["harness", "harness/emulator"])
def test_the_picture_of_the_house_has_every_room(inside):
    picture = (ROOT / "ARCHITECTURE.md").read_text().split("```")[1]
    rooms = {path.parent.name for path in (ROOT / inside).glob("*/__init__.py")}
    missing = {room for room in rooms if f"{'harness/' if inside == 'harness' else ''}{room}/" not in picture}
    named = {path for path in re.findall(r"harness/[\w./]+", picture) if not (ROOT / path).exists()}
    assert (missing, named) == (set(), set())


def test_variables_of_the_harness_are_read_in_one_place():
    read = re.compile(r"""(environ(\.get)?|getenv)[\[(]\s*["']HARNESS_""")
    readers = [path.relative_to(ROOT).as_posix() for path in files("harness") if read.search(path.read_text())]
    assert readers == []


EMULATOR = ROOT / "harness" / "emulator"


def room_of(path):
    """The folder of the emulator in which a module is; none for those beside the folders, and for those outside."""
    within = path.relative_to(EMULATOR).parts if path.is_relative_to(EMULATOR) else ("outside", path.name)
    return within[0] if len(within) > 1 else ""


def imported(path):
    """The modules that a module imports names from, each with the names; with itself where it is imported whole."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("harness"):
            for alias in node.names:
                for name in (node.module, f"{node.module}.{alias.name}"):
                    found = ROOT / f"{name.replace('.', '/')}.py"
                    if found.is_file():
                        yield found, alias.name


def faces():
    """The modules by which a room of the emulator is entered from elsewhere, each with what is taken of it.

    Those of the door and beside the rooms are among them in any case: everything goes through them.
    """
    through = (*EMULATOR.glob("*.py"), *EMULATOR.glob("door/*.py"))
    found = {path.relative_to(EMULATOR).with_suffix("").as_posix(): set() for path in through if path.stat().st_size}
    for path in files("harness"):
        for face, name in imported(path):
            if face.is_relative_to(EMULATOR) and room_of(face) != room_of(path):
                found.setdefault(face.relative_to(EMULATOR).with_suffix("").as_posix(), set()).add(name)
    return found


def is_alias(node):
    """Whether an assignment may name a type."""
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias"):
        return True
    return isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp)


def public_annotations(body, prefix=""):
    """Name and annotations of each function, member and alias of a module or class that others may use."""
    for node in body:
        name = getattr(node, "name", "")
        if isinstance(node, ast.ClassDef) and not name.startswith("_"):
            yield name, node.bases
            yield from public_annotations(node.body, f"{name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not name.startswith("_") or name in ("__init__", "__call__"):
                given = node.args
                arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
                yield prefix + name, [*(argument.annotation for argument in arguments if argument), node.returns]
            for each in ast.walk(node):  # the public attributes that a method declares of its object
                if isinstance(each, ast.AnnAssign) and re.match("self[.][a-z]", ast.unparse(each.target)):
                    yield f"{prefix}{ast.unparse(each.target)}", [each.annotation]
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            (target,) = node.targets if isinstance(node, ast.Assign) else (node.target,)
            if not ast.unparse(target).startswith("_"):
                alias = [node.value] if is_alias(node) and not prefix else []
                yield prefix + ast.unparse(target), [getattr(node, "annotation", None), *alias]
        elif isinstance(node, ast.If):  # TYPE_CHECKING
            yield from public_annotations(node.body, prefix)


@lru_cache(512)
def names_in(path):
    """A module's aliases, by name; and where names that it imports come from."""
    tree = tree_of(path)
    aliases, origins = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            origins |= {each.asname or each.name: (node.module, each.name) for each in node.names}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and is_alias(node):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            aliases |= {ast.unparse(target): node.value for target in targets}
    return aliases, origins


def shows_any(annotation, path, seen=frozenset()):
    """Whether an annotation in the module at *path* is Any or has it within, also by aliases, its own or imported."""
    aliases, origins = names_in(path)
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            with suppress(SyntaxError):  # of a Literal
                if shows_any(ast.parse(node.value, mode="eval"), path, seen):
                    return True
            continue
        if not isinstance(node, ast.Name | ast.Attribute) or (path, ast.unparse(node)) in seen:
            continue
        name = ast.unparse(node)
        further = seen | {(path, name)}
        if name in ("Any", "typing.Any"):
            return True
        if name in aliases and shows_any(aliases[name], path, further):
            return True
        package, original = origins.get(name, ("", ""))
        module = ROOT / f"{package.replace('.', '/')}.py"
        if original == "Any" or (module.is_file() and shows_any(ast.Name(original), module, further)):
            return True
    return False


def showing_any(path):
    """What of a module's public names shows Any."""
    for name, annotations in public_annotations(tree_of(path).body):
        if any(annotation is not None and shows_any(annotation, path) for annotation in annotations):
            yield name


def test_no_face_of_a_room_takes_or_gives_any():
    shown = []
    for face, taken in faces().items():
        of_moto = face.startswith("moto/")  # which has no types: what others do not take may show that
        for name in showing_any(EMULATOR / f"{face}.py"):
            if not of_moto or taken & {name.partition(".")[0], Path(face).name}:
                shown.append(f"{face}: {name}")
    assert shown == []


HIDDEN = """
import typing
from collections.abc import Mapping
from typing import Any, TypeVar
from typing import Any as Whatever
from harness.states_language.effects import Json

T = TypeVar("T", bound=Any)
Alias = Mapping[str, Any]
Deeper = list[Alias]
Said: typing.TypeAlias = "list[Any]"
WORD = "Any"

async def asynchronous(given: int) -> Any: ...
def nested(given: Mapping[str, list[dict[str, Any]]]) -> None: ...
def aliased(given: Deeper) -> None: ...
def renamed(given: Whatever) -> None: ...
def dotted(given: typing.Any) -> None: ...
def quoted(given: "Mapping[str, Any]") -> None: ...
def gathered(*given: Any, **more: int) -> None: ...
def elsewhere(given: Json) -> None: ...
def plain(given: T, other: Mapping[str, object]) -> list[T]: ...
def _private(given: Any) -> None: ...

class Room:
    member: Any
    _own: Any
    def __init__(self) -> None:
        self.attribute: Any = 1
        self._kept: Any = 2
    def method(self, given: Any) -> None: ...
"""


def test_any_is_found_wherever_a_face_hides_it(tmp_path):
    path = tmp_path / "room.py"
    path.write_text(HIDDEN)
    assert list(showing_any(path)) == [
        *("Alias", "Deeper", "Said", "asynchronous", "nested", "aliased", "renamed", "dotted", "quoted", "gathered"),
        *("elsewhere", "Room.member", "Room.self.attribute", "Room.method"),
    ]
