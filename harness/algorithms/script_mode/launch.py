"""Run a command that sees a folder as ``/opt/ml``: ``launch.py ROOT required|preferred COMMAND...``.

Linux shows each process tree its own ``/opt/ml`` (a mount namespace), so that jobs run side by side and nothing of the
machine is changed. Where that cannot be done, ``preferred`` says in SAGEMAKER_BASE_DIR where the folder really is, and
``required`` ends with 125. The command ends when standard input closes: when whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_BIND, _REC, _PRIVATE = 4096, 16384, 1 << 18


def _libc_call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _mount(source: str, target: str, flags: int) -> None:
    _libc_call("mount", os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(flags), None)


def _show(root: str) -> None:
    """Put *root* at ``/opt/ml``, for this process and those it starts."""
    user, group = os.geteuid(), os.getegid()
    _libc_call("unshare", _NEW_MOUNTS if user == 0 else _NEW_MOUNTS | _NEW_USER)
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path("/proc/self", name).write_text(text)
    _mount("none", "/", _REC | _PRIVATE)
    hosts = Path(root).with_name("hosts")  # an instance knows itself by name; AWS's toolkit waits until it does
    hosts.write_text(Path("/etc/hosts").read_text() + "\n127.0.0.1 algo-1\n")
    _mount(str(hosts), "/etc/hosts", _BIND)
    if not Path("/opt/ml").is_dir():
        _rebuild_opt(Path(root).with_name("opt"))
    _mount(root, "/opt/ml", _BIND | _REC)


def _rebuild_opt(stage: Path) -> None:
    # /opt with a folder ``ml`` more, without writing to it: what it holds is shown again in a folder of ours.
    (stage / "ml").mkdir(parents=True, exist_ok=True)
    for entry in Path("/opt").iterdir():
        place = stage / entry.name
        if entry.is_symlink():
            place.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            place.mkdir(exist_ok=True)
        else:
            place.touch()
        _mount(str(entry), str(place), _BIND | _REC)
    _mount(str(stage), "/opt", _BIND | _REC)


def _end_with_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1 << 16):
            pass
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Show ``/opt/ml`` where it can be shown, and run the program there; return the exit code where that fails."""
    root, wish, *command = sys.argv[1:]
    base = "/opt/ml"
    try:
        _show(os.path.realpath(root))
    except (OSError, AttributeError) as error:
        if wish == "required":
            print(f"This machine cannot show a process its own /opt/ml ({error}). A Docker engine can.", flush=True)
            return 125
        base = root
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": base}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: None)  # the command, in the same group, gets it as well
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FileNotFoundError as failure:
        print(failure, flush=True)
        sys.exit(127)
