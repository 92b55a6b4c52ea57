"""How execution environments are started: code and layers unpacked, the runtime found, the log made.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

from harness.emulator.access.sessions import RoleSession
from harness.emulator.context import EmulatorContext
from harness.emulator.lambda_.environment import ExecutionEnvironment
from harness.emulator.lambda_.image_runtime import ImageRuntime
from harness.emulator.lambda_.interpreters import Interpreter, Interpreters
from harness.emulator.lambda_.invocation import FunctionVersion
from harness.emulator.lambda_.live_code import fingerprint
from harness.emulator.lambda_.logs import LogStream
from harness.emulator.lambda_.node_runtime import CLIENT, NodeRuntime
from harness.emulator.lambda_.opt_folder import OPT
from harness.emulator.lambda_.package import compiled_folder, make_runtime_folder, unpack
from harness.emulator.lambda_.platform_lines import JsonLines, TextLines
from harness.emulator.lambda_.provided import is_root
from harness.emulator.lambda_.refusals import not_emulated
from harness.emulator.lambda_.runtime import OF_PYTHON, Mount, PythonRuntime, Runtime
from harness.emulator.lambda_.template import RuntimeTemplate
from harness.emulator.logs.execution_role import may_log

logger = logging.getLogger(__name__)

_PATIENCE = 10.0


class EnvironmentStarter:
    """Starts execution environments.

    Args:
        context: the emulator's surroundings.
        variables: environment variables for handlers that say where AWS answers and as whom.
        folder: where code, layers and environments lie.
        interpreters: find Pythons.
        cache: folder that keeps what another Python has compiled; None: there is none.
    """

    def __init__(
        self,
        context: EmulatorContext,
        variables: Mapping[str, str],
        folder: Path,
        interpreters: Interpreters,
        cache: Path | None = None,
    ) -> None:
        self._cache = cache
        self._context = context
        self._variables = variables
        self._folder = folder
        self._interpreters = interpreters
        self._lock = threading.Lock()
        self._unpacking = threading.Lock()
        self._closed = False
        self._pythons: dict[str, RuntimeTemplate] = {}
        self._others: dict[str, Runtime | None] = {}
        self._mountable: dict[Path, bool] = {}

    def start(self, function: FunctionVersion) -> ExecutionEnvironment:
        """Start an environment.

        Raises:
            AwsError: ``not emulated``, by name, where nothing on this machine runs the function.
        """
        runtime = self._runtime(function)
        session = RoleSession(function.role, function.name)
        own = self._folder / "environments" / uuid.uuid4().hex
        if function.image is not None:
            task_root = own / "context"
            task_root.mkdir(parents=True)
        else:
            task_root = function.folder or self._unpacked("code", function.package)
        layers = self._unpacked("layers", *function.layers) if function.layers else None
        mount = Mount(layers, own / "opt") if layers is not None and self._mounts(layers) else None
        return ExecutionEnvironment(
            function,
            task_root,
            layers if mount is None else Path(OPT),
            mount,
            own,
            self._log_stream(function, session),
            {**self._variables, **self._context.permissions.credentials(session)},
            runtime,
        )

    def expect(self, runtime: str) -> None:
        """Have what processes of a Python *runtime* are copies of load what it has to load."""
        with contextlib.suppress(ValueError):  # who makes the function is told
            template = self._template(self._interpreters.python(runtime))
            template.load()
            if self._closed:
                template.close()

    def close(self) -> None:
        """End what environments are copies of."""
        self._closed = True
        for template in list(self._pythons.values()):
            template.close()

    # Runtimes

    def _runtime(self, function: FunctionVersion) -> Runtime:
        if function.image is not None:
            found = self._other("image")
            if found is None:
                what = f"container image {function.image.uri}, of function {function.name}"
                raise not_emulated(f"{what}, where no Docker engine answers")
            return found
        if function.runtime.startswith("python"):
            return PythonRuntime(self._python(function))
        if function.runtime.startswith("nodejs"):
            found = self._other("node")
            if isinstance(found, NodeRuntime):
                if f"nodejs{found.version}.x" != function.runtime:
                    logger.warning(
                        "not emulated: %s. Function %s runs on nodejs%s.x, which is on this machine",
                        function.runtime,
                        function.name,
                        found.version,
                    )
                return found
            raise not_emulated(
                f"runtime {function.runtime}, of function {function.name}, without node and {CLIENT} on this machine "
                f"(npm install --global {CLIENT})"
            )
        raise not_emulated(f"runtime {function.runtime}, of function {function.name}")

    def _python(self, function: FunctionVersion) -> RuntimeTemplate:
        remark = self._interpreters.remark(function.runtime)
        if remark is not None:
            logger.warning("function %s: %s", function.name, remark)
        try:
            interpreter = self._interpreters.python(function.runtime)
        except ValueError as error:
            raise not_emulated(str(error)) from None
        return self._template(interpreter)

    def _template(self, interpreter: Interpreter) -> RuntimeTemplate:
        with self._lock:
            template = self._pythons.get(interpreter.program)
            if template is None:
                folder = make_runtime_folder(self._folder / "runtime" / interpreter.runtime, interpreter.is_own)
                template = RuntimeTemplate(interpreter.program, folder, OF_PYTHON, self._compiled(interpreter, folder))
                self._pythons[interpreter.program] = template
            return template

    def _compiled(self, interpreter: Interpreter, runtime_folder: Path) -> Path | None:
        if interpreter.is_own or self._cache is None:
            return None
        try:
            return compiled_folder(runtime_folder, self._folder / "compiled", self._cache)
        except OSError:  # each process compiles for itself
            return None

    def _other(self, kind: str) -> Runtime | None:
        """Node.js or Docker, looked for until it is there."""
        with self._lock:
            if self._others.get(kind) is None:
                self._others[kind] = NodeRuntime.find() if kind == "node" else ImageRuntime.find()
            return self._others[kind]

    def _mounts(self, layers: Path) -> bool:
        """Whether processes can have *layers* at ``/opt``: tried once for each set of layers."""
        with self._lock:
            if layers not in self._mountable:
                scratch = layers.with_suffix(f".{uuid.uuid4().hex[:8]}")
                command = Mount(layers, scratch).command([sys.executable, "-I", "-S", "-c", "import json"])
                try:
                    tried = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
                    self._mountable[layers] = tried.returncode == 0
                except (OSError, subprocess.TimeoutExpired):
                    self._mountable[layers] = False
                shutil.rmtree(scratch, ignore_errors=True)
                if not self._mountable[layers]:
                    logger.warning(
                        "not emulated: layers at /opt, as this machine lets no process have mounts of its own. "
                        "They are at %s, which the paths of modules and programs name",
                        layers,
                    )
            return self._mountable[layers]

    # What is unpacked

    def _unpacked(self, kind: str, *packages: Path) -> Path:
        """Return the folder that *packages* lie in, one over the other, once for each content."""
        names = (f"{each}{fingerprint(each)}" if each.is_dir() else each.name for each in packages)
        folder = self._folder / kind / hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        with self._unpacking:
            if folder.exists():
                return folder
            if not any(each.is_dir() for each in packages):
                return unpack(folder, *(package.read_bytes() for package in packages))
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            for package in packages:
                if package.is_dir():
                    target = unfinished if is_root(package) else unfinished / "python"
                    shutil.copytree(package, target, dirs_exist_ok=True)
                else:
                    part = unpack(folder.with_suffix(".part"), package.read_bytes())
                    shutil.copytree(part, unfinished, dirs_exist_ok=True)
                    shutil.rmtree(part)
            return unfinished.rename(folder)

    def _log_stream(self, function: FunctionVersion, session: RoleSession) -> LogStream:
        """Return the environment's log; a role that may not write there has none, as on AWS."""
        region, group = function.region, function.log_group
        logs, permissions = self._context.logs, self._context.permissions
        is_there = False

        def may_write(stream: str) -> bool:
            nonlocal is_there
            is_there = is_there or logs.has_group(region, group)
            return may_log(permissions, session, region, group, stream, is_there)

        lines = JsonLines(function.system_log_level) if function.log_format == "JSON" else TextLines()
        return LogStream(logs, region, group, function.version, function.runtime, lines, may_write)
