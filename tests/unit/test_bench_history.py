"""benchmarks/history.jsonl: what a run is compared with."""

import io

from rich.console import Console

from benchmarks.history import append, compare, flat, last


def run(warm, processors=2, short=False):
    return {"machine": {"processor": "A", "processors": processors}, "short": short, "executions": {"warm": warm}}


def told(figures, path):
    console = Console(file=io.StringIO(), width=120)
    compare(console, figures, path)
    return console.file.getvalue()


def test_a_change_is_told_and_noise_is_not(tmp_path):
    path = tmp_path / "history.jsonl"
    append(run(10.0), path)
    assert "1.50" in told(run(15.0), path) and "executions/warm" in told(run(15.0), path)
    assert "nothing has changed" in told(run(11.0), path)


def test_only_runs_on_such_a_machine_are_compared(tmp_path):
    path = tmp_path / "history.jsonl"
    assert "no recorded run" in told(run(1.0), path)
    append(run(1.0, processors=64), path)
    append(run(2.0, short=True), path)
    assert last(run(1.0), path) is None
    append(run(3.0), path)
    append(run(4.0), path)
    assert dict(flat(last(run(1.0), path)))["executions/warm"] == 4.0
