"""The process of which those that run functions are copies. Started by :mod:`~harness.emulator.lambda_.template`.

It runs like they do, without this machine's packages, and without the harness: only what Python and AWS's runtime
bring. It loads what a runtime loads whatever its function is, and for each request forks: the copy takes on the
environment variables, folder and output of a function and becomes awslambdaric. awslambdaric itself is not loaded
before, since it reads its environment when it is.

The second argument, where there is one, is a folder for compiled files: packages that another Python has compiled would
be compiled anew by each process.

Over the socket whose number is the first argument come requests, JSON objects (``handler``, ``environment``,
``folder``, ``paths``, ``descriptor``, ``mount``), each with the descriptor for the output; back go
``{"modules": [...]}`` once all is loaded, ``{"started": pid}``, and ``{"ended": pid, "status": ...}``.
"""

import sys

import opt_folder  # type: ignore[import-not-found]

_OWN_FOLDER = sys.path.pop(0)  # so that nothing else is imported from here
del sys.modules["opt_folder"]
_PYTHONS_OWN = sys.path[1:]  # behind the folder of the runtime's packages

import contextlib  # noqa: E402
import ctypes  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import runpy  # noqa: E402
import select  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterable  # noqa: E402
from typing import Any  # noqa: E402

_COMPILED = sys.argv[2] if len(sys.argv) > 2 else None
_LONGEST_REQUEST = 1 << 20
_CHILD_SUBREAPER = 36


def _adopt_orphans() -> None:
    """Have what daemons fork stay below this process, so that whoever ends it finds them."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_orphans(copies: Iterable[int]) -> None:
    """End what a copy that has ended has left behind: it is a child of this process now."""
    own, kept = os.getpid(), set(copies)
    with contextlib.suppress(OSError):
        while True:
            with open(f"/proc/{own}/task/{own}/children") as file:  # noqa: PTH123
                orphans = set(map(int, file.read().split())) - kept
            if not orphans:
                break
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _import(*names: str) -> None:
    """Import what the runtime brings; what is the function's own is compiled as on AWS."""
    before = sys.dont_write_bytecode, sys.pycache_prefix
    if _COMPILED is not None:
        sys.dont_write_bytecode, sys.pycache_prefix = False, _COMPILED
    for name in names:
        with contextlib.suppress(ImportError):
            __import__(name)
    sys.dont_write_bytecode, sys.pycache_prefix = before


def _load() -> None:
    # What awslambdaric and boto3's clients import, but awslambdaric.
    _import("boto3", "simplejson", "http.client", "logging", "traceback", "importlib.machinery", "s3transfer")
    gc.collect()
    gc.freeze()  # a collection in a copy would write to, and so copy, all that is shared


def _tell(channel: socket.socket, what: dict[str, Any]) -> None:
    """Answer the emulator; where that is gone, end with all that was started for it."""
    try:
        channel.send(json.dumps(what).encode())
    except OSError:
        _end_orphans(())
        os._exit(0)


def _serve(channel: socket.socket) -> dict[str, Any]:
    """Fork for each request; returns in the copies alone, with the request."""
    copies: dict[int, int] = {}
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor != channel.fileno():
                poll.unregister(descriptor)
                os.close(descriptor)
                pid = copies.pop(descriptor)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                _end_orphans(copies.values())
                _tell(channel, {"ended": pid, "status": status})
                continue
            try:
                data, outputs, _, _ = socket.recv_fds(channel, _LONGEST_REQUEST, 1)
            except ConnectionError:
                data = b""
            if not data:  # the emulator is gone
                _end_orphans(())
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                for other in copies:
                    os.close(other)
                channel.close()
                return {**json.loads(data), "output": outputs[0]}
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            os.close(outputs[0])
            watched = os.pidfd_open(pid)
            copies[watched] = pid
            poll.register(watched, select.POLLIN)
            _tell(channel, {"started": pid})


def _become(request: dict[str, Any]) -> None:
    """Take on the surroundings of a function's process."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    _adopt_orphans()
    output, descriptor = request["output"], request["descriptor"]
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2), (output, descriptor)):
        if source == target:
            os.set_inheritable(target, True)
        else:
            os.dup2(source, target)
    for left in {nothing, output} - {0, 1, 2, descriptor}:
        os.close(left)
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["mount"]:
        opt_folder.mount(*request["mount"])
    os.chdir(request["folder"])
    time.tzset()
    sys.path[:] = [request["folder"], *request["paths"], *_PYTHONS_OWN]
    sys.argv[:] = [sys.argv[0], request["handler"]]


if __name__ == "__main__":
    _channel = socket.socket(fileno=int(sys.argv[1]))
    _load()
    _adopt_orphans()
    _tell(_channel, {"modules": sorted({name.partition(".")[0] for name in sys.modules})})
    _become(_serve(_channel))
    if _COMPILED is not None:
        _import("awslambdaric.bootstrap", "awslambdaric.lambda_runtime_client")
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
