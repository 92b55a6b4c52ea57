"""The emulator's scratch folder: gone with it, or swept by the next emulator where it was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import psutil

_PREFIX = "harness-emulator-"
_LOCK = ".lock"


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
        shutil.rmtree(self.path, ignore_errors=True)
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
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


def _end_programs(folder: Path) -> None:
    """End the model servers and training programs of a killed emulator: their command names its folder."""
    inside = f"{folder.resolve()}{os.sep}"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("python") and any(word.startswith(inside) for word in process.cmdline()):
                process.kill()
