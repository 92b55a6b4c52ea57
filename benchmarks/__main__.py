"""``make bench``: everything measured in one run, peers beside it; prints tables, writes JSON and Markdown.

    python -m benchmarks [--short] [--ministack PATH] [--page] [--record] [--ci-minutes N]

Every program runs in processes of its own, in turn with its peers, so that what else the machine does falls on all
alike. The figures are medians. ``--short`` is what CI runs: fewer of everything, and no long row. ``--page`` times
`make test` as well and puts the tables into docs/speed.md, the goals first; ``--record`` puts the figures into
benchmarks/history.jsonl, with which each run is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import goals, history
from benchmarks.execution import Run, measure
from tests.waiting import hear

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = RESULTS.parent.parent / "docs" / "speed.md"
BEGIN, END = "<!-- make bench ARGS=--page: from here -->", "<!-- to here -->"
"""What the page has around the tables."""


@dataclass
class Section:
    """One table."""

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def as_markdown(self) -> str:
        """Write the table as the page shows it."""
        lines = [f"| {' | '.join(self.columns)} |", "|---" + "|---:" * (len(self.columns) - 1) + "|"]
        return "\n".join([f"**{self.title}**", "", *lines, *(f"| {' | '.join(row)} |" for row in self.rows)])

    def show(self, console: Console) -> None:
        """Print the table in a terminal."""
        table = Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--page", action="store_true", help="put the tables into docs/speed.md")
    parser.add_argument("--record", action="store_true", help="put the figures into benchmarks/history.jsonl")
    parser.add_argument("--ministack", default=shutil.which("ministack"), help="MiniStack's command [%(default)s]")
    parser.add_argument("--ci-minutes", type=float, help="how long .ci/run took as a whole, for the table of goals")
    options = parser.parse_args()
    console = Console()
    figures: dict[str, object] = {"machine": machine_facts(), "short": options.short}
    if options.ci_minutes is not None:
        figures["ci_minutes"] = options.ci_minutes
    sections = []
    measured = [executions, budget, at_once, maps, endpoint, start, own_project]
    for measure_section in [*measured, suite] if options.page else measured:
        with console.status(f"measuring: {measure_section.__name__}"):
            section, values = measure_section(options.short, options.ministack)
        figures[measure_section.__name__] = values
        sections.append(section)
        section.show(console)
    wanted = Section("The goals of issue 26, and what was measured", ["", "now", "goal", ""], goals.rows(figures))
    wanted.show(console)
    sections.insert(0, wanted)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(json.dumps(figures, indent=2) + "\n")
    tables = "\n\n".join(section.as_markdown() for section in sections)
    (RESULTS / "bench.md").write_text(tables + "\n")
    console.print(f"wrote {RESULTS / 'bench.json'} and {RESULTS / 'bench.md'}")
    history.compare(console, figures)
    if options.record:
        history.append(figures)
    if options.page:
        facts = machine_facts()
        machine = (
            f"{facts['processor']}, {facts['processors']} cores, {facts['memory_gb']} GB, Python {facts['python']}"
        )
        PAGE.write_text(put_between(PAGE.read_text(), f"Measured on {machine}.\n\n{tables}"))
        console.print(f"wrote the tables into {PAGE}")


def put_between(text: str, tables: str) -> str:
    """*text* with *tables* in place of what is between its two markers.

    Raises:
        ValueError: it lacks one of them.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def machine_facts() -> dict[str, object]:
    """Return what the figures depend on."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()


def executions(short: bool, ministack: str | None) -> tuple[Section, object]:
    """One execution of the workflow, warm and cold, beside its floor and its peers."""
    programs = {
        goals.OURS: "benchmarks.workflow_once",
        "floor: the handlers called directly, same S3 and endpoint": "benchmarks.floor_once",
        "moto's engine alone, three constants": "benchmarks.moto_once",
    }
    if ministack:
        os.environ["MINISTACK"] = ministack
        programs[goals.MINISTACK] = "benchmarks.ministack_once"
    rounds, warm = (2, 10) if short else (5, 30)
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, module in programs.items():
            runs[name].append(measure(module, warm))
    section = Section(
        f"One execution: medians of {rounds} processes, {warm} warm executions each",
        ["", "warm", "first, from process start"],
    )
    values: dict[str, Any] = {}
    for name, measured in runs.items():
        middle = statistics.median(value for run in measured for value in run.warm)
        first = statistics.median(run.first for run in measured)
        section.rows.append([name, f"{middle:.1f} ms", f"{first:.2f} s"])
        values[name] = {"warm_milliseconds": middle, "first_seconds": first}
    return section, values


def budget(short: bool, _: str | None) -> tuple[Section, object]:
    """Where the processor time of one execution goes."""
    values = _program("benchmarks.budget", 50 if short else 300)
    section = Section("Processor time of one execution, by who spends it", ["", "ms"])
    section.rows += [[name, f"{value:.2f}"] for name, value in values.items()]
    return section, values


def at_once(short: bool, _: str | None) -> tuple[Section, object]:
    """Many executions at once, and many in a row."""
    count, row = (30, 0) if short else (200, 20_000)
    values = {**_program("benchmarks.throughput", count, row), "in_a_row": row}
    share = values["executions_per_second"] / values["floor_per_second"]
    section = Section(f"{count} executions at once", ["", "executions a second"])
    section.rows.append(["this emulator", f"{values['executions_per_second']:.1f}"])
    section.rows.append(["floor: handlers in two processes, no Step Functions", f"{values['floor_per_second']:.1f}"])
    section.rows.append(["share of the floor", f"{share:.0%}"])
    if values["row"]:
        first, last = values["row"][0], values["row"][-1]
        for name, unit in (("median_milliseconds", "ms"), ("memory_mb", "MB"), ("threads", "")):
            section.rows.append(
                [
                    f"{row:,} in a row: {name.partition('_')[0]}, first and last tenth",
                    f"{first[name]:.0f} {unit} / {last[name]:.0f} {unit}".strip(),
                ]
            )
    return section, values


def maps(short: bool, _: str | None) -> tuple[Section, object]:
    """Measure a Distributed Map over images: an execution for each, and the functions called by the batch itself."""
    images, rounds = (100, 1) if short else (2000, 3)
    section = Section(f"A Distributed Map of {images:,} images", ["", "images a second", "share of the floor"])
    values = {}
    for one in _lines("benchmarks.batch", images, rounds):
        values[one["workflow"]] = {key: value for key, value in one.items() if key != "rounds"}
        section.rows.append([one["workflow"], f"{one['images_per_second']:.0f}", f"{one['share_of_the_floor']:.0%}"])
    return section, values


def endpoint(short: bool, _: str | None) -> tuple[Section, object]:
    """Measure what an invocation adds to the model's own forward pass."""
    values = _program("benchmarks.endpoint", 200 if short else 1000)
    section = Section("The shipped model behind an endpoint", ["", "median"])
    section.rows.append(["forward pass alone, image decoded", f"{values['forward']:.2f} ms"])
    section.rows.append(["InvokeEndpoint", f"{values['invocation']:.2f} ms"])
    section.rows.append(["above the forward pass", f"{values['invocation'] - values['forward']:.2f} ms"])
    section.rows.append(["InvokeEndpoint with Data Capture", f"{values['captured'] / values['invocation'] - 1:+.1%}"])
    return section, values


def start(short: bool, _: str | None) -> tuple[Section, object]:
    """Measure what starting costs: commands, plugin, memory."""
    rounds = 3 if short else 9
    harness = str(Path(sys.executable).with_name("harness"))
    bare = _seconds([sys.executable, "-c", "pass"], rounds)
    values = {
        "harness --help": _seconds([harness, "--help"], rounds),
        "import of the pytest plugin, above pytest's own": _seconds(
            [sys.executable, "-c", "import pytest, harness.testing.plugin"], rounds
        )
        - _seconds([sys.executable, "-c", "import pytest"], rounds),
        "python -c pass": bare,
        "template.yaml read, from process start": _seconds(
            [sys.executable, "-m", "benchmarks.template", "ours"], rounds
        ),
        "the same by SAM CLI's translator": _seconds([sys.executable, "-m", "benchmarks.template", "sam"], rounds),
    }
    memory = _memory_at_start()
    section = Section(f"Starting: medians of {rounds}", ["", ""])
    section.rows += [[name, f"{seconds:.3f} s"] for name, seconds in values.items()]
    section.rows.append(["memory of `harness up`, once it answers", f"{memory:.0f} MB"])
    return section, {**values, "memory_mb": memory}


def own_project(short: bool, _: str | None) -> tuple[Section, object]:
    """`pytest` with one test of a project of one's own, beside one of moto's S3."""
    values = _program("benchmarks.own_project", 2 if short else 7)
    section = Section("pytest with one test, from start to end", ["", "median"])
    section.rows.append(["three functions and a state machine deployed and run", f"{values['own']:.2f} s"])
    section.rows.append(["floor: one object in moto's S3, mock_aws", f"{values['floor']:.2f} s"])
    return section, values


def suite(short: bool, _: str | None) -> tuple[Section, object]:
    """`make test`, once."""
    began = time.perf_counter()
    command = ["make", "--no-print-directory", "test", "ARGS=-q"]
    done = subprocess.run(command, cwd=RESULTS.parent.parent, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    said = (done.stdout.strip().splitlines() or [""])[-1].strip("= ")
    section = Section("`make test`", ["", ""], [[said, f"{seconds:.0f} s"]])
    return section, {"seconds": seconds, "failed": done.returncode}


def _program(module: str, *arguments: int) -> dict[str, Any]:
    return _lines(module, *arguments)[-1]


def _lines(module: str, *arguments: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module} failed: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _seconds(command: list[str], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _memory_at_start() -> float:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "up", "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=RESULTS.parent
    )
    try:
        hear(process, "http://")
        return float(psutil.Process(process.pid).memory_info().rss / 2**20)
    finally:
        process.terminate()
        process.communicate(timeout=20)


if __name__ == "__main__":
    main()
