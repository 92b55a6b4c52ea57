"""What an emulator keeps from one start to the next: ``harness up --state DIR``.

Records of every service, as plain data, in one file that is replaced as a whole, and the contents of objects beside it:
see :mod:`harness.emulator.process.records`.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import IO

from harness.emulator.process.records import CONTENTS, DamagedError, Record, read_header, read_records, write_records

logger = logging.getLogger(__name__)

_FILE = "emulator.state"
_FORMAT = "2"
_INTERVAL = 2.0


class StateError(RuntimeError):
    """A state folder cannot be used; the message says why and what would help."""


def private_file(folder: Path, name: str) -> Path:
    """Return a file in a folder of state, both nobody else's to read; made when it is missing.

    Raises:
        StateError: the folder cannot be used, or has a link or a pipe where the file or one beside it would be: what is
            written there would be written elsewhere, and what is read might never end.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # another's, which this user may write to all the same
            folder.chmod(0o700)
        for path in folder.glob(f"{name}*"):
            _check_plain(path)
        os.close(os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise StateError(f"{folder} cannot be used: {error.strerror or error}") from None
    return folder / name


def _check_plain(path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise StateError(f"{path} is no plain file: remove it to start afresh")


class StateFolder:
    """A folder that an emulator's state is kept in, locked while one runs, and nobody else's to read.

    Args:
        folder: made when it is missing.

    Raises:
        StateError: another emulator uses the folder, or it is not this user's.
    """

    def __init__(self, folder: Path) -> None:
        self._lock: IO[bytes] = private_file(folder, ".lock").open("wb")
        self._path = folder / _FILE
        contents = folder / CONTENTS
        if contents.is_symlink():  # what lies there and is not named would be removed
            raise StateError(f"{contents} is no plain folder: remove it to start afresh")
        for path in (*folder.glob(_FILE), *contents.glob("*")):
            _check_plain(path)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise StateError(f"another emulator keeps its state in {folder}; name another folder") from None
        self._saving = threading.Lock()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self) -> list[Record]:
        """Read what was saved, nothing when nothing was.

        Raises:
            StateError: the file is of another version, or damaged.
        """
        try:
            with self._path.open("rb") as file:
                if file.read(1) == b"{":
                    raise StateError(
                        f"{self._path} was written by an earlier release, in a form that is no longer read; remove it "
                        "to start afresh"
                    )
            header = read_header(self._path)
            written, here = (header.get("format"), header.get("moto")), (_FORMAT, version("moto"))
            if written == here:
                return read_records(self._path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateError(f"{self._path} cannot be read: {error.strerror or error}") from None
        except (DamagedError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise self.damaged(error) from None
        raise StateError(
            f"{self._path} was written by moto {written[1]} in format {written[0]}, and this is moto {here[1]} with "
            f"format {here[0]}; remove it to start afresh, or install that version"
        )

    def damaged(self, error: Exception) -> StateError:
        """Make the error for a file that cannot be taken back because of *error*."""
        return StateError(f"{self._path} is damaged ({error}); remove it to start afresh")

    def save(self, records: Iterable[Record]) -> None:
        """Write everything: all of it, or what was there before stays.

        Raises:
            OSError: the disk is full, or the like.
        """
        with self._saving:
            write_records(self._path, {"format": _FORMAT, "moto": version("moto")}, records)

    def keep(self, changes: Callable[[], object], records: Callable[[], Iterable[Record]]) -> None:
        """Save in the background whenever something has changed, so that a crash loses seconds, not the state.

        What could not be saved is tried again until it can be.

        Args:
            changes: another value after every change.
            records: what to save.
        """

        def run() -> None:
            seen, failed = changes(), ""
            while not self._done.wait(_INTERVAL):
                now = changes()
                if now == seen:
                    continue
                try:
                    self.save(records())
                except Exception as error:
                    if str(error) != failed:
                        logger.warning("the state was not saved, and will be tried again: %s", error)
                    failed = str(error)
                    continue
                if failed:
                    logger.warning("the state is saved again")
                seen, failed = now, ""

        self._thread = threading.Thread(target=run, name="state", daemon=True)
        self._thread.start()

    def end_keeping(self) -> None:
        """Save no more in the background; returns when nothing is being saved."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Stop saving and let others have the folder."""
        self.end_keeping()
        self._lock.close()
