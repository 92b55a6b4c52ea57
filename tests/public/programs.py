"""Runs programs that each exit with 0 where the emulator is right, and prints a table.

    python -m tests.public.programs FOLDER [PATTERN]

Those that name ``AWS_ENDPOINT_URL`` have an emulator to themselves and the environment that ``harness env`` prints; the
others start ``$HARNESS`` themselves.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.waiting import hear

HARNESS = str(Path(sysconfig.get_path("scripts")) / "harness")
LONGEST = 240
"""Seconds that a program may take."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pattern", nargs="?", default="*.py")
    given = parser.parse_args()
    programs = sorted(given.folder.glob(given.pattern))
    if not programs:
        parser.error(f"{given.folder} has no program called {given.pattern}")
    table = Table("program", "exit", "seconds")
    failed = []
    for program in programs:
        began = time.monotonic()
        code, said = run(program)
        table.add_row(program.stem, str(code), f"{time.monotonic() - began:.1f}")
        print(f"{program.stem}: {code}", flush=True)
        if code != 0:
            failed.append(program.stem)
            print(said, flush=True)
    Console().print(table)
    print(
        f"{len(programs) - len(failed)} of {len(programs)} programs exit with 0; not so: {', '.join(failed) or 'none'}"
    )
    sys.exit(bool(failed))


def run(program):
    """The exit code of *program* and the end of what it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    with contextlib.ExitStack() as stack:
        environment = clean | {"HARNESS": HARNESS}
        if "AWS_ENDPOINT_URL" in program.read_text():
            environment |= stack.enter_context(emulator(clean))
        code, said = call([sys.executable, program], environment, LONGEST)
        return code, said[-4000:]


def call(command, environment, seconds, folder=None):
    """The exit code of *command*, or that it had none within *seconds*; and all that it said."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
        return f"none within {seconds} s", said.decode(errors="replace") if isinstance(said, bytes) else said
    return done.returncode, done.stdout


@contextlib.contextmanager
def emulator(clean):
    """The environment that leads to an emulator of its own."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [HARNESS, "up", "--port", "0"],
            cwd=folder,
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            hear(process, "http://")
            told = [HARNESS, "env", "--shell", "json"]
            yield json.loads(subprocess.run(told, cwd=folder, env=clean, stdout=subprocess.PIPE, check=True).stdout)
        finally:
            process.terminate()
            process.communicate(timeout=30)


if __name__ == "__main__":
    main()
