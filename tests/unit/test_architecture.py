"""The lines of the house: who may import whom. See ARCHITECTURE.md."""

import ast
import re
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
    "harness/scones": ("harness.emulator.moto",),
    "harness/targets": ("harness.commands", "harness.dashboard", "harness.scones", "harness.emulator.moto"),
    "harness/project": ("harness.commands", "harness.dashboard", "harness.scones", "harness.emulator.moto"),
    "lambdas": ("harness",),
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
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


def test_variables_of_the_harness_are_read_in_one_place():
    read = re.compile(r"""(environ(\.get)?|getenv)[\[(]\s*["']HARNESS_""")
    readers = [path.relative_to(ROOT).as_posix() for path in files("harness") if read.search(path.read_text())]
    assert readers == []


FACES = (
    *(
        "door/answers",
        "door/call",
        "door/errors",
        "door/gateway",
        "clients",
        "context",
        "emulator",
        "faults",
        "identity",
    ),
    *("kept_state", "options", "services", "wiring", "access/gate", "access/permissions", "apigateway/front_doors"),
    *("cloudformation/service", "events/deliveries", "lambda_/service", "logs/writer", "moto/app", "sagemaker/service"),
    *("scheduler", "stepfunctions/api"),
)
"""The modules by which one room of the emulator is entered from another."""


def public_signatures(body, prefix=""):
    """Name and annotations of each function of a module or class that others may call."""
    for node in body:
        name = getattr(node, "name", "")
        if isinstance(node, ast.ClassDef) and not name.startswith("_"):
            yield from public_signatures(node.body, f"{name}.")
        if isinstance(node, ast.AnnAssign) and prefix and not ast.unparse(node.target).startswith("_"):
            yield prefix + ast.unparse(node.target), [node.annotation]
        if isinstance(node, ast.FunctionDef) and (not name.startswith("_") or name in ("__init__", "__call__")):
            given = node.args
            arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            annotations = [argument.annotation for argument in arguments if argument] + [node.returns]
            yield prefix + name, [annotation for annotation in annotations if annotation]


@pytest.mark.parametrize("face", FACES)
def test_no_face_of_a_room_takes_or_gives_any(face):
    tree = ast.parse((ROOT / "harness" / "emulator" / f"{face}.py").read_text())
    signatures = dict(public_signatures(tree.body))
    assert signatures
    for name, annotations in signatures.items():
        names = {node.id for annotation in annotations for node in ast.walk(annotation) if isinstance(node, ast.Name)}
        assert "Any" not in names, name
