"""Which fields a machine, each type of state, a retrier and a catcher may have; AWS refuses all others.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from __future__ import annotations

from collections.abc import Iterable

MACHINE = frozenset({"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"})
RETRIER = frozenset(
    {"BackoffRate", "Comment", "ErrorEquals", "IntervalSeconds", "JitterStrategy", "MaxAttempts", "MaxDelaySeconds"}
)
CATCHER = frozenset({"Assign", "Comment", "ErrorEquals", "Next", "Output", "ResultPath"})

_ALL = {"Comment", "End", "InputPath", "Next", "OutputPath", "QueryLanguage", "Type"}
_GIVING = {"Assign", "Output", "Parameters", "ResultPath", "ResultSelector"}
_CALLING = {"Arguments", "Catch", "Retry"}
_OF_TYPES = {
    "Pass": {*_GIVING, "Result"},
    "Task": {
        *_GIVING,
        *_CALLING,
        "Credentials",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Resource",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
    },
    "Choice": {"Assign", "Choices", "Default", "Output"},
    "Wait": {"Assign", "Output", "Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": {"Output"},
    "Fail": {"Cause", "CausePath", "Error", "ErrorPath"},
    "Parallel": {*_GIVING, *_CALLING, "Branches"},
    "Map": {
        *_GIVING,
        *_CALLING,
        "ItemBatcher",
        "ItemProcessor",
        "ItemReader",
        "ItemSelector",
        "Items",
        "ItemsPath",
        "Iterator",
        "Label",
        "MaxConcurrency",
        "MaxConcurrencyPath",
        "ResultWriter",
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
    },
}


def of_type(kind: str) -> frozenset[str]:
    """Fields of a state of type *kind*."""
    return frozenset(_ALL | _OF_TYPES[kind])


def unsupported(given: Iterable[str], known: frozenset[str]) -> list[str]:
    """AWS's words for each field that is not known."""
    return [f"Field '{name}' is not supported" for name in given if name not in known]
