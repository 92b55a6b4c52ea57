"""What an emulator keeps from one start to the next: ``harness up --state DIR``.

moto's records of S3, IAM, CloudWatch Logs and SageMaker, the training jobs, and what functions were made from, in one
file that is replaced as a whole. State machines are deployed anew: their threads have no form on disk.
"""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import pickle
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

logger = logging.getLogger(__name__)

SERVICES = {
    "s3": "moto.s3.models:s3_backends",
    "iam": "moto.iam.models:iam_backends",
    "logs": "moto.logs.models:logs_backends",
    "sagemaker": "moto.sagemaker.models:sagemaker_backends",
}
"""Services that are kept, and where moto has their records."""

_FILE = "emulator.state"
_INTERVAL = 2.0
_TRUSTED = ("moto.", "harness.")
_PLAIN = frozenset(
    {
        *(("builtins", name) for name in ("bytearray", "dict", "frozenset", "list", "object", "set", "str")),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("copyreg", "_reconstructor"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("re", "_compile"),
    }
)


class StateError(RuntimeError):
    """A state folder cannot be used; the message says why and what would help."""


class StateFolder:
    """A folder that an emulator's state is kept in, locked while one runs.

    Args:
        folder: made when it is missing.
        account_id: whose records are kept.

    Raises:
        StateError: another emulator uses the folder.
    """

    def __init__(self, folder: Path, account_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / _FILE
        self._account_id = account_id
        self._lock: IO[str] = (folder / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise StateError(f"another emulator keeps its state in {folder}; name another folder") from None
        self._saving = threading.Lock()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self) -> dict[str, Any]:
        """Give moto its records back; returns what else was saved, empty when nothing was.

        Raises:
            StateError: the file is of another version, or damaged.
        """
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return {}
        with file:
            try:
                header = json.loads(file.readline())
                state = _Unpickler(file).load() if header == _header() else None
            except Exception as error:
                raise StateError(f"{self._path} is damaged ({error}); remove it to start afresh") from None
        if state is None:
            raise StateError(
                f"{self._path} was written by moto {header.get('moto')} and this is {_header()['moto']}; remove it to "
                "start afresh, or install that version"
            )
        for service, places in state["services"].items():
            backends = _backends(service)
            for place, values in places.items():
                backends[self._account_id][place].__dict__.update(values)
                for bucket in values.get("buckets", ()) if service == "s3" else ():
                    backends.bucket_accounts[bucket] = (place, self._account_id)
        rest: dict[str, Any] = state["rest"]
        return rest

    def save(self, rest: dict[str, Any]) -> None:
        """Write everything: all of it, or what was there before stays."""
        with self._saving:
            services = {
                service: {
                    place: dict(backend.__dict__)
                    for place, backend in dict(_backends(service)[self._account_id]).items()
                }
                for service in SERVICES
            }
            for attempt in range(5):
                try:
                    data = pickle.dumps({"services": services, "rest": rest}, pickle.HIGHEST_PROTOCOL)
                    break
                except RuntimeError:  # something changed while it was read
                    if attempt == 4:
                        raise
            _Unpickler(io.BytesIO(data)).load()  # what could not be read back must not take the place of what can
            partial = self._path.with_suffix(".partial")
            with partial.open("wb") as file:
                file.write(json.dumps(_header()).encode() + b"\n" + data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)

    def keep(self, changes: Callable[[], int], rest: Callable[[], dict[str, Any]]) -> None:
        """Save in the background whenever something has changed, so that a crash loses seconds, not the state.

        Args:
            changes: a number that grows with every change.
            rest: what to save beside moto's records.
        """

        def run() -> None:
            seen = changes()
            while not self._done.wait(_INTERVAL):
                now = changes()
                if now != seen:
                    seen = now
                    try:
                        self.save(rest())
                    except Exception as error:
                        logger.warning("the state was not saved: %s", error)

        self._thread = threading.Thread(target=run, name="state", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop saving and let others have the folder."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        self._lock.close()


class _Unpickler(pickle.Unpickler):
    """Builds what the state is made of, and nothing else: a file from elsewhere must not run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PLAIN:
            if not module.startswith(_TRUSTED):
                raise pickle.UnpicklingError(f"{module}.{name} has no place in a state file")
            found = super().find_class(module, name)
            if not isinstance(found, type):
                raise pickle.UnpicklingError(f"{module}.{name} has no place in a state file")
            return found
        return super().find_class(module, name)


def _header() -> dict[str, str]:
    return {"format": "1", "moto": version("moto")}


def _backends(service: str) -> Any:
    module, _, name = SERVICES[service].partition(":")
    return getattr(import_module(module), name)
