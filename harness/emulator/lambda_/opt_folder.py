"""Layers at ``/opt`` itself, for one process and those below it, where Linux lets it have mounts of its own.

The process takes a mount namespace, in a user namespace where it may not otherwise, and binds the folder of its layers
to ``/opt``; what Python itself needs of this machine's ``/opt`` stays beside them. Nothing of it is seen outside.

This file is a program as well, ``opt_folder.py LAYERS SCRATCH PROGRAM ARGUMENT...``, and imports nothing of the
harness: :mod:`~harness.emulator.lambda_.runtime_template` runs it in copies of itself.
"""

from __future__ import annotations

import ctypes
import os
import sys

OPT = "/opt"
_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18


def mount(layers: str, scratch: str, program: str = "") -> None:
    """Have this process see *layers* at ``/opt``.

    Args:
        layers: folder of all layers.
        scratch: folder for what is mounted upon; it may be missing.
        program: that will be run.

    Raises:
        OSError: this machine does not let it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    users, groups = os.getuid(), os.getgid()
    if libc.unshare(_NEW_MOUNTS):
        _check(libc.unshare(_NEW_MOUNTS | _NEW_USERS))
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{users} {users} 1")
        _write("/proc/self/gid_map", f"{groups} {groups} 1")
    _check(libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None))
    needed = _needed(program)
    if not needed:
        _bind(libc, layers, OPT)
        return
    for folder, names in ((layers, os.listdir(layers)), (OPT, sorted(needed))):  # noqa: PTH208
        for name in names:
            source, target = os.path.join(folder, name), os.path.join(scratch, name)  # noqa: PTH118
            if os.path.isdir(source):  # noqa: PTH112
                os.makedirs(target)  # noqa: PTH103
            else:
                os.makedirs(scratch, exist_ok=True)  # noqa: PTH103
                open(target, "x").close()  # noqa: PTH123
            _bind(libc, source, target)
    _bind(libc, scratch, OPT)


def _needed(program: str) -> set[str]:
    """Return what of this machine's ``/opt`` the process goes on to need."""
    places = [program, sys.executable, sys.prefix, sys.base_prefix, *sys.path]
    for value in os.environ.values():
        places += value.split(os.pathsep)
    places += [os.path.realpath(place) for place in (program, sys.executable) if place]
    below = f"{OPT}/"
    names = {place[len(below) :].partition("/")[0] for place in places if place.startswith(below)}
    return {name for name in names if os.path.exists(below + name)}  # noqa: PTH110


def _bind(libc: ctypes.CDLL, source: str, target: str) -> None:
    _check(libc.mount(os.fsencode(source), os.fsencode(target), None, _BIND | _RECURSIVE, None))


def _check(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(text)


if __name__ == "__main__":
    _layers, _scratch, *_command = sys.argv[1:]
    mount(_layers, _scratch, _command[0])
    os.execv(_command[0], _command)
