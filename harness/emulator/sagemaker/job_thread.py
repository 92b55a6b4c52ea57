"""The thread that takes a job from its first state to its last: what all kinds of jobs have in common."""

from __future__ import annotations

import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import ClientError

from harness.emulator.logs.writer import LogWriter
from harness.emulator.sagemaker.execution_role import ExecutionRole
from harness.emulator.sagemaker.program import ProgramError, RunningProgram
from harness.emulator.sagemaker.training.channels import ChannelError

STOP_GRACE = 120.0
"""Seconds that a program has between SIGTERM and SIGKILL.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StopTrainingJob.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StopProcessingJob.html
"""
LOST = "InternalServerError: the emulator was stopped while the job ran"
"""Failure reason of a job that ran when the emulator stopped."""
_LOOK = 0.1
_UPLOAD_INTERVAL = 2.0


class JobThread(ABC):
    """Runs one job.

    Args:
        name: of the thread.
        arn: of the job.
        region: the job's.
        role: as which it runs.
        logs: where the program's output goes.
        place: log group, and stream.
        folder: scratch folder; removed at the end.
    """

    def __init__(
        self,
        name: str,
        arn: str,
        region: str,
        role: ExecutionRole,
        logs: LogWriter,
        place: tuple[str, str],
        folder: Path,
    ) -> None:
        self._arn = arn
        self._role = role
        self._s3 = role.client("s3", region)
        self._logs = logs
        self._folder = folder
        self._root = folder / "ml"
        self._log = role.log(region, *place)
        self._stop = threading.Event()
        self._abandoned = False
        self._program: RunningProgram | None = None
        self._uploaded: dict[Path, tuple[int, int]] = {}
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def pid(self) -> int | None:
        """Process number of the program, while it runs."""
        return self._program.pid if self._program is not None else None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have it stop, and keep what it has made."""
        self._stop.set()

    def abandon(self) -> None:
        """End it at once, keeping nothing: the emulator stops."""
        self._abandoned = True
        self._stop.set()
        if self._program is not None:
            self._program.kill()
        self._thread.join(10)

    @abstractmethod
    def _run(self) -> None:
        """Take the job to its end."""

    def _take_on_role(self) -> None:
        """Fail where the role has been removed, or been told not to trust SageMaker, since the job was made."""
        words = self._role.cannot_be_taken_on(self._arn)
        if words is not None:
            raise ChannelError(f"ClientError: {words}")

    def _require_image(self, image: str) -> None:
        if self._role.cannot_pull(image):
            raise ProgramError(
                "Cannot pull algorithm container. Either the image does not exist or its permissions are incorrect."
            )

    def _watch(self, program: RunningProgram, limit: float, upload: Callable[[], object]) -> tuple[int, bool]:
        """Wait for a program's end; its exit code, and whether it ran too long.

        Args:
            program: that was started.
            limit: seconds that it may run.
            upload: called from time to time.
        """
        self._program = program
        deadline = time.monotonic() + limit
        upload_at = time.monotonic() + _UPLOAD_INTERVAL
        kill_at: float | None = None
        overdue = False
        while (code := program.wait(_LOOK)) is None:
            clock = time.monotonic()
            overdue = overdue or clock > deadline
            if kill_at is None and (overdue or self._stop.is_set()):
                program.terminate()
                kill_at = clock + STOP_GRACE
            elif self._abandoned or (kill_at is not None and clock > kill_at):
                program.kill()
            if clock > upload_at:
                upload()
                upload_at = clock + _UPLOAD_INTERVAL
        return code, overdue

    def _clear(self) -> None:
        """Let go of the scratch folder, once all lines are logged."""
        self._logs.flush()
        shutil.rmtree(self._folder, ignore_errors=True)


def reason_of(error: Exception) -> str:
    """Return the failure reason that an error of a job becomes."""
    if isinstance(error, ClientError):
        said = error.response["Error"]
        return f"ClientError: {said.get('Code')}: {said.get('Message')}"
    if isinstance(error, RuntimeError | ChannelError):  # ProgramError is one
        text = str(error)
        return text if text.startswith("ClientError") else f"ClientError: {text}"
    return f"InternalServerError: {error}"
