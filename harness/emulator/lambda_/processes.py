"""What the system tells of the processes that run functions."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path

import psutil

_LONGEST = 4096
_EXITING = 0x4
_KILLED = 1 << (signal.SIGKILL - 1)
_OPEN_FILES = 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution"""
SIGNAL_WORDS: dict[int, str] = {
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
}


def is_going(pid: int) -> bool:
    """Whether a process has ended, or has been killed and will in a moment; False where the system does not tell."""
    try:
        told = _read(f"/proc/{pid}/stat")
    except OSError:
        return Path("/proc/self").exists()
    state, *numbers = told.rpartition(b") ")[2].split()
    return state in b"ZX" or bool(int(numbers[5]) & _EXITING) or bool(int(numbers[27]) & _KILLED)


def _read(path: str) -> bytes:
    """Read a short file, at each invocation: in a third of the time that :class:`pathlib.Path` takes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, _LONGEST)
    finally:
        os.close(descriptor)


def memory_mb(pid: int) -> int:
    """Megabytes that a process uses; 0 for one that is gone."""
    try:
        pages = int(_read(f"/proc/{pid}/statm").split()[1])
        return pages * resource.getpagesize() >> 20
    except OSError:
        pass
    try:
        return int(psutil.Process(pid).memory_info().rss) >> 20
    except psutil.Error:
        return 0


def limit(pid: int, data: int | None) -> None:
    """Give a process Lambda's limits, where the system can.

    Args:
        pid: its number.
        data: bytes that it may allocate; None: what it likes.
    """
    if hasattr(resource, "prlimit"):
        limits = {resource.RLIMIT_NOFILE: _OPEN_FILES, **({} if data is None else {resource.RLIMIT_DATA: data})}
        for kind, most in limits.items():
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(pid, kind, (most, most))


def kill_below(pid: int) -> None:
    """Kill the processes below one: a daemon that has left its group is among them."""
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return
    for child in below:
        with contextlib.suppress(OSError):
            os.kill(child.pid, signal.SIGKILL)
