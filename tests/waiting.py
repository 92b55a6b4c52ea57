"""Waiting for what another thread or process does, to a bound: a test may fail, it may not hang."""

import re
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psutil

Found = TypeVar("Found")
UNDER_WAY = {"RUNNING", "Creating", "Updating", "RollingBack", "InProgress", "Stopping", "Executing"}
"""What Describe calls say of that which goes on by itself."""


def until(
    find: Callable[[], Found],
    seconds: float = 30,
    every: float = 0.02,
    *,
    enough: Callable[[Found], Any] = bool,
) -> Found:
    """Return what *find* finds as soon as it is *enough*; fail once *seconds* are over."""
    end = time.monotonic() + seconds
    while not enough(found := find()):
        assert time.monotonic() < end, f"it did not happen within {seconds} s; found last: {found!r}"
        time.sleep(every)
    return found


def settled(describe: Callable[..., Any], status: str, seconds: float = 60, every: float = 0.02, **named: str) -> Any:
    """Return what a Describe call answers once its *status* tells of nothing under way."""
    return until(lambda: describe(**named), seconds, every, enough=lambda answer: answer[status] not in UNDER_WAY)


def active(functions: Any, name: str) -> str:
    """Wait until a new function can be invoked; give its name."""
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def execution_ended(states: Any, arn: str, seconds: float = 60) -> Any:
    """Return DescribeExecution's answer once the execution has ended."""
    return settled(states.describe_execution, "status", seconds, executionArn=arn)


def training_ended(sagemaker: Any, name: str, seconds: float = 60) -> Any:
    """Return DescribeTrainingJob's answer once the job has ended."""
    return settled(sagemaker.describe_training_job, "TrainingJobStatus", seconds, TrainingJobName=name)


def in_service(sagemaker: Any, name: str, seconds: float = 60) -> Any:
    """Return DescribeEndpoint's answer once the endpoint is in service, and no other way round."""
    answer = settled(sagemaker.describe_endpoint, "EndpointStatus", seconds, EndpointName=name)
    assert answer["EndpointStatus"] == "InService", answer
    return answer


def gone(pid: int, seconds: float = 20) -> None:
    """Return once no process of that number runs; one that nobody has collected yet runs no more."""
    until(lambda: not psutil.pid_exists(pid) or _is_zombie(pid), seconds)


def hear(process: subprocess.Popen[str], pattern: str, seconds: float = 60) -> re.Match[str]:
    """Return where *pattern* is in what a process has said so far; end the process after *seconds* without it."""
    told, late = "", threading.Timer(seconds, process.kill)
    late.start()
    try:
        for line in process.stdout or ():
            told += line
            if found := re.search(pattern, told):
                return found
    finally:
        late.cancel()
    raise AssertionError(f"it did not say {pattern!r} within {seconds} s, but: {told}")


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
