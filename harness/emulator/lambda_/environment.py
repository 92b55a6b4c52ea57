"""One execution environment: a process that runs awslambdaric, the Runtime API it talks to, and its log.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from harness.emulator.lambda_.invocation import FunctionVersion, Invocation, Outcome
from harness.emulator.lambda_.logs import LogStream
from harness.emulator.lambda_.platform_lines import Failure, Report
from harness.emulator.lambda_.processes import SIGNAL_WORDS, is_going, kill_below, limit, memory_mb
from harness.emulator.lambda_.runtime import Beginning, Mount, Process, Runtime
from harness.emulator.lambda_.runtime_api import RuntimeApi, RuntimeEvents
from harness.emulator.logs.process_output import ProcessOutput

INIT_LIMIT = 10.0
"""Seconds that the init phase may take before Lambda starts it anew on the invocation's time."""
_WATCH_INTERVAL = 0.05
_TASK_ROOT = "/var/task"
"""Where a function's code lies on AWS, which stack traces name."""
_MEMORY_BACKSTOP = 2 << 30


class ExecutionEnvironment:
    """Starts a function's process once and gives it one event at a time.

    Args:
        function: what to run.
        task_root: folder of the unpacked deployment package, AWS's ``/var/task``.
        layers_root: what stands in for ``/opt``, if it is not that itself; None where the function has no layers.
        mount: the layers that are to be at ``/opt``; None where they are not.
        folder: this environment's own folder, removed by :meth:`close`; ``TMPDIR`` lies in it.
        log: where its output goes.
        variables: environment variables that say where AWS answers and as whom.
        runtime: starts its process.
    """

    def __init__(
        self,
        function: FunctionVersion,
        task_root: Path,
        layers_root: Path | None,
        mount: Mount | None,
        folder: Path,
        log: LogStream,
        variables: Mapping[str, str],
        runtime: Runtime,
    ) -> None:
        self.function = function
        self._runtime = runtime
        self._task_root = task_root
        self._layers_root = layers_root
        self._mount = mount
        self._folder = folder
        self._log = log
        self._output = ProcessOutput(lambda line: log.line(self._as_on_aws(line)))
        self._idle = threading.Event()
        self._done = threading.Event()
        self._outcome: Outcome | None = None
        self._request_id = ""
        self._deadline = 0.0
        self._used_mb = 0
        self._invocations = 0
        self._failure: Failure | None = None
        self._doomed = False
        """Whether a fault ends the process in this invocation; what it still says is too late."""
        self.alive = True
        self._api = RuntimeApi(
            RuntimeEvents(self._on_ready, self._on_result, self._on_error, self._on_init_error),
            lambda: int(self._deadline * 1000),
        )
        self._started = time.monotonic()
        self._init: float | None = None
        self._process = self._start(variables)
        threading.Thread(target=self._await_exit, name="function-exit", daemon=True).start()
        log.look()  # while the process starts

    @property
    def pid(self) -> int:
        """Process number of the runtime."""
        return self._process.pid

    @property
    def takes_events(self) -> bool:
        """Whether its process is well: one that was killed a moment ago is not, though nobody has said so yet."""
        return self.alive and not is_going(self.pid)

    @property
    def starting(self) -> bool:
        """Whether its runtime has yet to say that it is initialized, and may still."""
        return not self._idle.is_set() and time.monotonic() - self._started < INIT_LIMIT

    def await_init(self) -> bool:
        """Wait for the end of the init phase; whether it can take an event now."""
        return self._idle.wait(INIT_LIMIT) and self.alive

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run one event to its end: a result, an error, a crash, a time-out or too much memory.

        One call at a time. When :attr:`alive` is false afterwards, the environment is of no more use.
        """
        if not self._idle.wait(INIT_LIMIT) and self.alive:
            self._log.said(f"INIT_REPORT Init Duration: {INIT_LIMIT * 1000:.2f} ms\tPhase: init\tStatus: timeout")
        self._log.start(invocation.request_id)
        self._request_id = invocation.request_id
        began = time.monotonic()
        self._deadline = time.time() + self.function.timeout
        if self._outcome is None:
            self._done.clear()
            self._doomed = invocation.strike is not None and invocation.strike.kill
            self._api.hand_over(invocation)
            if self._doomed:
                self._kill()
        failure = self._await_outcome(began)
        duration = min(time.monotonic() - began, self.function.timeout)
        self._output.drain()
        outcome = self._outcome
        assert outcome is not None
        if self.alive:
            self._used_mb = max(self._used_mb, memory_mb(self.pid))
        init = self._init if self._invocations == 0 else None
        tail = self._log.end(
            Report(
                invocation.request_id,
                1000 * duration,
                self.function.memory_mb,
                self._used_mb,
                None if init is None else 1000 * init,
                failure,
                outcome.error,
            )
        )
        self._invocations += 1
        self._outcome = None
        return Outcome(outcome.payload, outcome.error, tail)

    def close(self) -> None:
        """End the process and remove what it left; what it still writes is not logged."""
        self.alive = False
        self._log.mute()
        self._kill()  # before it is told to go: what it leaves behind would have no parent by which it is found
        self._api.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    # The process

    def _start(self, variables: Mapping[str, str]) -> Process:
        scratch = self._folder / "tmp"
        scratch.mkdir(parents=True)
        function, runtime = self.function, self._runtime
        environment = {
            **variables,
            **dict(function.variables),
            "_HANDLER": function.handler,
            "_LAMBDA_TELEMETRY_LOG_FD": str(self._output.descriptor),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency" if function.is_provisioned else "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": self._log.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log.name,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "LAMBDA_RUNTIME_DIR": str(runtime.folder or ""),
            "LAMBDA_TASK_ROOT": str(self._task_root),
            **self._logging(),
            **runtime.variables(function, self._task_root, self._layers_root),
            "TMPDIR": str(scratch),
        }
        if self._layers_root is not None and "PATH" in environment:
            environment["PATH"] = os.pathsep.join((str(self._layers_root / "bin"), environment["PATH"]))
            if ((self._layers_root if self._mount is None else self._mount.layers) / "lib").is_dir():
                environment.setdefault("LD_LIBRARY_PATH", str(self._layers_root / "lib"))
        beginning = Beginning(self._task_root, environment, self._output.descriptor, self._mount)
        process = runtime.start(function, beginning)
        self._output.start()
        # The watch below sees memory every 50 ms; this stops an allocation that would not wait for it.
        most = function.memory_mb * (1 << 20) + _MEMORY_BACKSTOP
        limit(process.pid, most if runtime.limits_data else None)
        return process

    def _logging(self) -> dict[str, str]:
        if self.function.log_format != "JSON":
            return {}
        return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": self.function.log_level}

    def _kill(self) -> None:
        kill_below(self._process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._runtime.end(self._process)

    # Waiting for what the runtime says

    def _await_outcome(self, began: float) -> Failure | None:
        timeout = self.function.timeout
        while not self._done.wait(min(_WATCH_INTERVAL, max(began + timeout - time.monotonic(), 0))):
            self._used_mb = max(self._used_mb, memory_mb(self.pid))
            if self._used_mb > self.function.memory_mb:
                self._used_mb = self.function.memory_mb
                return self._abort(
                    "Runtime.OutOfMemory",
                    f"RequestId: {self._request_id} Error: Runtime exited with error: signal: killed",
                    Failure("error", "Runtime.OutOfMemory"),
                )
            if time.monotonic() - began >= timeout:
                message = f"Task timed out after {timeout:.2f} seconds"
                now = time.time()
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
                self._output.drain()
                self._log.said(f"{stamp} {self._request_id} {message}")
                message = f"RequestId: {self._request_id} Error: {message}"
                return self._abort("Sandbox.Timedout", message, Failure("timeout"))
        return self._failure

    def _abort(self, error_type: str, message: str, failure: Failure) -> Failure:
        self.alive = False
        self._outcome = Outcome.platform_error(error_type, message)
        self._kill()
        return failure

    def _await_exit(self) -> None:
        code = self._process.wait()
        self._output.drain()
        self.alive = False
        if self._outcome is None:
            if code < 0:
                reason = f"Runtime exited with error: signal: {SIGNAL_WORDS.get(-code, f'signal {-code}')}"
            elif code > 0:
                reason = f"Runtime exited with error: exit status {code}"
            else:
                reason = "Runtime exited without providing a reason"
            message = f"RequestId: {self._request_id} Error: {reason}"
            self._outcome = Outcome.platform_error("Runtime.ExitError", message)
            self._log.said(f"{message}\nRuntime.ExitError")
            self._failure = Failure("error", "Runtime.ExitError")
        self._idle.set()
        self._done.set()

    def _on_ready(self) -> None:
        if self._init is None:
            self._init = time.monotonic() - self._started
        self._idle.set()

    def _on_result(self, request_id: str, payload: bytes) -> None:
        self._finish(request_id, Outcome(payload))

    def _on_error(self, request_id: str, payload: bytes) -> None:
        self._finish(request_id, Outcome(self._as_on_aws(payload.decode()).encode(), error=True))

    def _on_init_error(self, payload: bytes) -> None:
        self._init = time.monotonic() - self._started
        self._outcome = Outcome(self._as_on_aws(payload.decode()).encode(), error=True)
        with contextlib.suppress(AttributeError, ValueError):
            self._failure = Failure("error", str(json.loads(payload).get("errorType")))
        self.alive = False  # the runtime exits after this
        self._idle.set()
        self._done.set()

    def _finish(self, request_id: str, outcome: Outcome) -> None:
        if request_id == self._request_id and self._outcome is None and not self._doomed:
            self._outcome = outcome
            self._done.set()

    def _as_on_aws(self, text: str) -> str:
        text = text.replace(str(self._task_root), _TASK_ROOT)
        if self._runtime.folder is None:
            return text
        return text.replace(str(self._runtime.folder), self._runtime.folder_on_aws(self.function))
