"""Runs a folder of notebooks and of console exports, and prints the table.

    python -m tests.public.notebooks FOLDER [--map URL=FILE ...] [--set NAME=VALUE ...]

Each notebook runs by ``harness run`` in a copy of its folder, each ``.json`` by ``harness parity``. A notebook counts
by how far it came: all of its cells, or the cell that failed and what that said.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.public.programs import HARNESS, call

LONGEST = 1200
"""Seconds that a notebook may take."""
CELL = re.compile(r"^cell (\d+) of (\d+)$", re.MULTILINE)
FAILED = re.compile(r"^cell (\d+)(?:, line \d+)?(?:: (.*))?$", re.MULTILINE)
ERROR = re.compile(r"^(\w*(?:Error|Exception|Failure|NotFound)\w*: .*)$", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--map", action="append", default=[])
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    options = [word for name in ("map", "set") for value in getattr(given, name) for word in (f"--{name}", value)]
    notebooks = sorted(path for path in given.folder.rglob("*.ipynb") if ".executed" not in path.name)
    exports = sorted(given.folder.rglob("*.json"))
    if not notebooks and not exports:
        parser.error(f"{given.folder} has no notebook and no export")
    table = Table("file", "ran", "of", "seconds", "how it ended")
    ended_well = 0
    for path in [*notebooks, *exports]:
        began = time.monotonic()
        name = str(path.relative_to(given.folder))
        row = notebook(path, options) if path.suffix == ".ipynb" else export(path)
        ended_well += row[-1] in ("all of it", "no differences")
        table.add_row(name, *row[:2], f"{time.monotonic() - began:.0f}", row[-1])
        print(f"{name}: {row[-1]}", flush=True)
    Console(width=160).print(table)
    print(f"{ended_well} of {len(notebooks) + len(exports)} ran to the end as on AWS")


def notebook(path, options):
    """Cells that ran, cells that there are, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "notebook"
        shutil.copytree(path.parent, place)
        code, said = run(["run", *options, path.name], place)
    cells = CELL.findall(said)
    ran, count = cells[-1] if cells else ("0", "?")
    if code == 0:
        return ran, count, "all of it"
    place = FAILED.search(said)
    error = ERROR.findall(said)
    words = f"cell {place[1]}: {place[2] or ''}" if place else f"exit {code}"
    return ran, count, " | ".join([words, *(line[:100] for line in error[-1:])])


def export(path):
    """Events that were compared, and how it ended."""
    code, said = run(["parity", str(path)], path.parent)
    events = re.search(r": (\d+) events, (.*)", said)
    if events is None:
        return "0", "?", said.strip().splitlines()[-1][:120] if said.strip() else f"exit {code}"
    return events[1], events[1], events[2]


def run(arguments, folder):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    return call([HARNESS, *arguments], clean, LONGEST, folder)


if __name__ == "__main__":
    sys.exit(main())
