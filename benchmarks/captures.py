"""``make bench-captures``: megabytes of captures a second, this project's reader and others beside it.

    python -m benchmarks.captures [--records 100000] [--rounds 3] [--folder DIR] [--only NAME ...]

Records are of the shape of real ones (``../shared/data/aws-truth/capture`` where that is there, else of images of
noise), each with its own id, time and probabilities, some thousand to a file. Every reader runs in a process of its
own, in turn with the others and each round in another order, so that what else the machine does falls on all alike.
Figures are medians; ratios are of medians, to this project's reader in one process.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.__main__ import RESULTS, Section, machine_facts
from benchmarks.capture_readers import READERS

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "aws-truth" / "capture"
PER_FILE = 5000
_START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Generate, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the records are written, and left  [a temporary one]")
    parser.add_argument("--only", nargs="*", choices=list(READERS), default=list(READERS))
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="captures-") as scratch:
        folder = options.folder or Path(scratch)
        if not any(folder.glob("*.jsonl")):
            with console.status(f"writing {options.records:,} records"):
                write_captures(folder, options.records)
        section, figures = measure(folder, options.only, options.rounds, console)
    section.show(console)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "captures.json").write_text(json.dumps({"machine": machine_facts(), **figures}, indent=2) + "\n")
    (RESULTS / "captures.md").write_text(section.as_markdown() + "\n")
    console.print(f"wrote {RESULTS / 'captures.json'} and {RESULTS / 'captures.md'}")


def measure(folder: Path, names: list[str], rounds: int, console: Console) -> tuple[Section, dict[str, Any]]:
    """Every reader over the folder, *rounds* times in turn."""
    size = sum(file.stat().st_size for file in folder.glob("*.jsonl"))
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    missing = {}
    for turn in range(rounds):
        for name in names[turn:] + names[:turn]:
            if name in missing:
                continue
            with console.status(f"round {turn + 1} of {rounds}: {name}"):
                command = [sys.executable, "-m", "benchmarks.capture_readers", name, str(folder)]
                done = subprocess.run(command, capture_output=True, text=True)
            if "ModuleNotFoundError" in done.stderr:
                missing[name] = done.stderr.splitlines()[-1]
                console.print(f"left out: {name}, which is not installed here (make bench-captures installs all)")
            elif done.returncode:
                raise RuntimeError(f"{name} failed: {done.stderr}")
            else:
                runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    runs = {name: some for name, some in runs.items() if some}
    answers = {(run["records"], round(run["sum"], 3)) for some in runs.values() for run in some}
    if len(answers) != 1:
        raise RuntimeError(f"the readers disagree on records and confidences: {answers}")
    ((records, _),) = answers
    figures: dict[str, Any] = {"records": records, "bytes": size, "rounds": rounds, "readers": {}}
    for name, some in runs.items():
        values = {key: statistics.median(run[key] for run in some) for key in ("wall", "cpu", "memory_mb")}
        figures["readers"][name] = {"mb_a_second": size / 1e6 / values["wall"], **values}
    first = figures["readers"][next(iter(runs))]
    section = Section(
        f"{records:,} capture records, {size / 1e6:,.0f} MB: medians of {rounds}",
        ["", "MB a second", "of the first", "MB a CPU second", "of the first", "peak memory"],
    )
    for name, values in figures["readers"].items():
        section.rows.append(
            [
                name,
                f"{values['mb_a_second']:,.0f}",
                f"{first['wall'] / values['wall']:.2f}",
                f"{size / 1e6 / values['cpu']:,.0f}",
                f"{first['cpu'] / values['cpu']:.2f}",
                f"{values['memory_mb']:,.0f} MB",
            ]
        )
    return section, figures


def write_captures(folder: Path, records: int, seed: int = 0) -> None:
    """Write capture files with so many records in all."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = random.Random(seed)
    shapes = _shapes(generator)
    for number in range(0, records, PER_FILE):
        lines = []
        for record in range(number, min(number + PER_FILE, records)):
            share = 0.5 + 0.5 * generator.betavariate(6, 1)
            values = [share, 1 - share] if generator.random() < 0.5 else [1 - share, share]
            before, between, after = shapes[record % len(shapes)]
            identity = uuid.UUID(int=generator.getrandbits(128), version=4)
            time = _START + timedelta(seconds=record)
            lines.append(f"{before}{json.dumps(values)}{between}{identity}{after}{time:%Y-%m-%dT%H:%M:%SZ}" + _END)
        (folder / f"{number // PER_FILE:05d}.jsonl").write_text("".join(lines))


_END = '"},"eventVersion":"0"}\n'


def _shapes(generator: random.Random) -> list[tuple[str, str, str]]:
    """Return what stands around probabilities, id and time in a record."""
    images = []
    for file in sorted(REAL.glob("*.jsonl")) if REAL.is_dir() else []:
        images += [json.loads(line)["captureData"]["endpointInput"]["data"] for line in file.open()]
    if not images:
        from PIL import Image

        for _ in range(12):
            buffer = io.BytesIO()
            Image.frombytes("RGB", (32, 30), generator.randbytes(32 * 30 * 3)).save(buffer, "png")
            images.append(base64.b64encode(buffer.getvalue()).decode())
    return [
        (
            '{"captureData":{"endpointInput":{"observedContentType":"image/png","mode":"INPUT","data":"'
            + image
            + '","encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT",'
            + '"data":"',
            '","encoding":"JSON"}},"eventMetadata":{"eventId":"',
            '","inferenceTime":"',
        )
        for image in images
    ]


if __name__ == "__main__":
    main()
