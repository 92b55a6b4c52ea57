"""The emulator's scratch folder: gone with it, or swept by the next emulator where it was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

import psutil

_PREFIX = "harness-emulator-"
_LOCK = ".lock"
_PATIENCE = 2.0
"""Seconds: a package of tens of thousands of files takes longer on slow disks."""


class ScratchFolder:
    """A new folder below the system's temporary one, locked for as long as this process lives.

    Attributes:
        path: where it is.
    """

    def __init__(self) -> None:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        self._lock = os.open(self.path / f"{_LOCK}.new", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self.path / f"{_LOCK}.new").rename(self.path / _LOCK)  # who sweeps sees a lock that is held, or none

    def close(self) -> None:
        """Remove it."""
        _remove(self.path)
        os.close(self._lock)


def sweep() -> None:
    """Remove the scratch folders of this user's emulators that ended without doing so, and end what ran in them."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.is_symlink() or path.stat().st_uid != os.getuid():
                continue
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_programs(path)
                _remove(path)
            finally:
                os.close(lock)


def _remove(folder: Path) -> None:
    """Remove *folder*, in a process that goes on with it where it holds so much that waiting would be noticed."""
    command, nowhere = ["rm", "-rf", "--", str(folder)], subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)


def _end_programs(folder: Path) -> None:
    """End the model servers and training programs of a killed emulator: their command names its folder."""
    inside = f"{folder.resolve()}{os.sep}"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("python") and any(word.startswith(inside) for word in process.cmdline()):
                process.kill()
