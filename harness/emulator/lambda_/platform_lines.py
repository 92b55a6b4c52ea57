"""What Lambda itself writes into a function's log, as text or as JSON.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

_LEVELS = ("DEBUG", "INFO", "WARN")


@dataclass(frozen=True)
class Failure:
    """How an invocation has ended that did not end by itself: ``timeout``, or ``error`` with its type."""

    status: str
    error_type: str = ""


@dataclass(frozen=True)
class Report:
    """An invocation that is over.

    Attributes:
        request_id: its own.
        duration: milliseconds that the handler took.
        memory_mb: the function's memory setting.
        used_mb: most memory that the environment has used.
        init: milliseconds that the environment took to start, for its first invocation.
        failure: how it has ended, when not by itself.
        is_error: whether the handler has raised an exception, or it has failed.
    """

    request_id: str
    duration: float
    memory_mb: int
    used_mb: int
    init: float | None
    failure: Failure | None
    is_error: bool

    @property
    def billed(self) -> int:
        """Milliseconds, begun ones counted in full; the init phase is among them."""
        if self.init is not None:
            return max(-(-int((self.duration + self.init) * 100) // 100), 1)
        return max(-(-int(self.duration * 100) // 100), 1)


class PlatformLines(Protocol):
    """Words Lambda's own lines."""

    def init(self, runtime: str, arn: str) -> Iterator[str]:
        """Tell of the start of an environment.

        Args:
            runtime: of the function, ``python3.12``.
            arn: of the runtime's version.
        """

    def start(self, request_id: str, version: str) -> Iterator[str]:
        """Tell of the start of an invocation.

        Args:
            request_id: its own.
            version: of the function.
        """

    def said(self, message: str) -> Iterator[str]:
        """Tell of what went wrong, which text alone has as a line of its own."""

    def end(self, report: Report) -> Iterator[str]:
        """Tell of the end of an invocation."""


class TextLines:
    """START, END and REPORT."""

    def init(self, runtime: str, arn: str) -> Iterator[str]:
        """Tell of the start of an environment.

        Args:
            runtime: of the function, ``python3.12``.
            arn: of the runtime's version.
        """
        yield f"INIT_START Runtime Version: {_versioned(runtime)}\tRuntime Version ARN: {arn}"

    def start(self, request_id: str, version: str) -> Iterator[str]:
        """Tell of the start of an invocation.

        Args:
            request_id: its own.
            version: of the function.
        """
        yield f"START RequestId: {request_id} Version: {version}"

    def said(self, message: str) -> Iterator[str]:
        """Tell of what went wrong."""
        yield message

    def end(self, report: Report) -> Iterator[str]:
        """Tell of the end of an invocation."""
        line = (
            f"REPORT RequestId: {report.request_id}\tDuration: {report.duration:.2f} ms\t"
            f"Billed Duration: {report.billed} ms\tMemory Size: {report.memory_mb} MB\t"
            f"Max Memory Used: {report.used_mb} MB\t"
        )
        if report.init is not None:
            line += f"Init Duration: {report.init:.2f} ms\t"
        if report.failure is not None:
            line += f"Status: {report.failure.status}"
            line += f"\tError Type: {report.failure.error_type}" if report.failure.error_type else ""
        yield f"END RequestId: {report.request_id}"
        yield line


class JsonLines:
    """``platform.start``, ``platform.report`` and their kin, as far as the function's system log level lets them.

    Args:
        level: ``SystemLogLevel``.
    """

    def __init__(self, level: str) -> None:
        self._least = _LEVELS.index(level)

    def init(self, runtime: str, arn: str) -> Iterator[str]:
        """Tell of the start of an environment.

        Args:
            runtime: of the function, ``python3.12``.
            arn: of the runtime's version.
        """
        told = {"initializationType": "on-demand", "phase": "init"}
        yield from self._event(
            "INFO", "initStart", {**told, "runtimeVersion": _versioned(runtime), "runtimeVersionArn": arn}
        )

    def start(self, request_id: str, version: str) -> Iterator[str]:
        """Tell of the start of an invocation.

        Args:
            request_id: its own.
            version: of the function.
        """
        yield from self._event("INFO", "start", {"requestId": request_id, "version": version})

    def said(self, message: str) -> Iterator[str]:
        """Tell nothing: the report has it."""
        yield from ()

    def end(self, report: Report) -> Iterator[str]:
        """Tell of the end of an invocation."""
        metrics: dict[str, object] = {
            "durationMs": round(report.duration, 3),
            "billedDurationMs": report.billed,
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.used_mb,
        }
        if report.init is not None:
            metrics["initDurationMs"] = round(report.init, 3)
        status = "error" if report.is_error else "success"
        ended = {"status": report.failure.status if report.failure is not None else status}
        if report.failure is not None and report.failure.error_type:
            ended["errorType"] = report.failure.error_type
        own = {"requestId": report.request_id}
        done = {**own, **ended, "metrics": {"durationMs": metrics["durationMs"]}}
        failed = ended["status"] != "success"
        yield from self._event("WARN" if failed else "DEBUG", "runtimeDone", done)
        yield from self._event("WARN" if failed else "INFO", "report", {**own, "metrics": metrics, **ended})

    def _event(self, level: str, kind: str, record: Mapping[str, object]) -> Iterator[str]:
        if _LEVELS.index(level) >= self._least:
            time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            yield json.dumps({"time": time, "type": f"platform.{kind}", "record": record}, separators=(",", ":"))


def _versioned(runtime: str) -> str:
    name = runtime.rstrip("0123456789.x")
    return f"{name}:{runtime.removeprefix(name).removesuffix('.x')}.v1"
