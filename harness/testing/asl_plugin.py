"""``pytest --asl-cov``: which parts of the state machines the suite has exercised.

``--asl-cov`` prints it, ``--asl-cov-machine NAME`` looks at that machine alone, ``--asl-cov-html FILE`` writes a page,
``--asl-cov-fail-under PERCENT`` fails the run below a share. Needs a target with an emulator.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.testing.asl_coverage import MachineCoverage

MEASURED = pytest.StashKey["list[MachineCoverage]"]()
TRACES = pytest.StashKey[list[dict[str, Any]]]()
_SENT = "harness_traces"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--asl-cov`` and its like."""
    group = parser.getgroup("harness", "AWS emulation")
    group.addoption("--asl-cov", action="store_true", help="tell which parts of state machines the tests exercise")
    group.addoption(
        "--asl-cov-machine",
        action="append",
        metavar="NAME",
        help="one by name, pattern or logical id; repeatable",
    )
    group.addoption("--asl-cov-html", metavar="FILE", help="write state-machine coverage as a page")
    group.addoption("--asl-cov-fail-under", type=float, metavar="PERCENT", help="fail below this share")


def is_wanted(config: pytest.Config) -> bool:
    """Whether any of the options asks for coverage."""
    names = ("asl_cov", "asl_cov_machine", "asl_cov_html")
    return any(config.getoption(name) for name in names) or config.getoption("asl_cov_fail_under") is not None


def begin(config: pytest.Config, control_url: str | None) -> None:
    """Have the emulator take note of executions."""
    if control_url is not None and is_wanted(config):
        from harness.testing.control import ControlApi

        ControlApi(control_url).post("traces", {"on": True})


def collect(config: pytest.Config, control_url: str | None) -> None:
    """Fetch what the emulator has noted, before it stops."""
    if control_url is not None and is_wanted(config):
        from harness.testing.control import ControlApi

        traces = ControlApi(control_url).get("traces")["traces"]
        config.stash.setdefault(TRACES, []).extend(traces)
        output = getattr(config, "workeroutput", None)
        if output is not None:
            output[_SENT] = traces


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """With xdist: take over what a worker's emulator has noted."""
    traces = getattr(node, "workeroutput", {}).get(_SENT, [])
    node.config.stash.setdefault(TRACES, []).extend(traces)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the HTML report, and fail the run where too little was covered."""
    config = session.config
    if not is_wanted(config) or hasattr(config, "workerinput"):
        return
    if config.getoption("asl_cov_html"):
        from harness.testing.asl_report import write_html

        path, least = Path(config.getoption("asl_cov_html")), config.getoption("asl_cov_fail_under")
        write_html(_coverages(config), path, least)
    if _falls_short(config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the coverage of each state machine."""
    if not is_wanted(config):
        return
    from harness.testing.asl_report import rows

    terminalreporter.section("state-machine coverage")
    for line in rows(_coverages(config)) or ["no state machine ran on a target with an emulator"]:
        terminalreporter.write_line(line)
    if _falls_short(config):
        least = config.getoption("asl_cov_fail_under")
        terminalreporter.write_line(f"FAIL: {_lowest(config):.1f} % is below the {least:g} % asked for", red=True)
    if config.getoption("asl_cov_html"):
        terminalreporter.write_line(f"wrote {config.getoption('asl_cov_html')}")


def _falls_short(config: pytest.Config) -> bool:
    """Whether coverage is below what was asked for; no coverage at all is."""
    least = config.getoption("asl_cov_fail_under")
    return least is not None and (not _coverages(config) or _lowest(config) < least)


def _lowest(config: pytest.Config) -> float:
    return min((coverage.percent for coverage in _coverages(config)), default=0.0)


def is_meant(machine: str, asked: str) -> bool:
    """Whether *asked*, a name, a pattern (``orders-*``) or a logical id of a template, means a state machine."""
    # As CloudFormation makes one up: the stack's name, the logical id, letters and digits.
    generated = rf"(?:.+-)?{re.escape(asked)}-(?=[A-Za-z]*[0-9])[0-9A-Za-z]{{8,}}"
    return fnmatchcase(machine, asked) or re.fullmatch(generated, machine) is not None


def _coverages(config: pytest.Config) -> list[MachineCoverage]:
    """Measured once, when the tests are over."""
    if MEASURED not in config.stash:
        from harness.testing.asl_coverage import measure

        machines = config.getoption("asl_cov_machine")
        traces = config.stash.get(TRACES, [])
        chosen = (
            trace for trace in traces if not machines or any(is_meant(trace["machine"], each) for each in machines)
        )
        config.stash[MEASURED] = measure(chosen)
    return config.stash[MEASURED]
