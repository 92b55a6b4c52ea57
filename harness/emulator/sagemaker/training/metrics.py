"""Metrics out of a job's log, by the regular expressions of its metric definitions.

https://docs.aws.amazon.com/sagemaker/latest/dg/training-metrics.html
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.emulator.bounded_patterns import BoundedPattern, EndlessPatternError
from harness.emulator.sagemaker.images import repository_of

logger = logging.getLogger(__name__)

BUILT_IN: Mapping[str, Sequence[Mapping[str, str]]] = {
    "image-classification": (
        {"Name": "train:accuracy", "Regex": r"Epoch\[\d+\] Train-accuracy=([0-9.]+)"},
        {"Name": "validation:accuracy", "Regex": r"Epoch\[\d+\] Validation-accuracy=([0-9.]+)"},
    )
}
"""Metrics of built-in algorithms, by repository; users cannot define others for these.

https://docs.aws.amazon.com/sagemaker/latest/dg/IC-tuning.html
"""


_XGBOOST = ("aucpr", "auc", "error", "logloss", "mae", "map", "merror", "mlogloss", "ndcg", "rmse", "rmsle", "mape")
"""https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html"""
_MOST_FOUND = 10_000
"""Values that are kept of a log: of a longer one, the latest."""
_AT_ONCE = 1000
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"""
_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def _xgboost() -> list[dict[str, str]]:
    pairs = [(of, what) for of in ("train", "validation") for what in _XGBOOST]
    return [{"Name": f"{of}:{what}", "Regex": rf".*\[[0-9]+\].*#011{of}-{what}:{_NUMBER}.*"} for of, what in pairs]


def definitions_for(image: str, given: Sequence[Mapping[str, str]] | None) -> Sequence[Mapping[str, str]]:
    """Return the metric definitions that apply to a job."""
    if not given and repository_of(image) == "sagemaker-xgboost":
        return _xgboost()
    return BUILT_IN.get(repository_of(image)) or given or ()


class MetricReader:
    """Looks for metrics in a log, line by line.

    Args:
        definitions: ``{"Name": ..., "Regex": ...}`` each; the expression's first group is the value.
    """

    def __init__(self, definitions: Sequence[Mapping[str, str]]) -> None:
        self._patterns = {item["Name"]: BoundedPattern(item["Regex"]) for item in definitions}
        self._found: deque[tuple[str, float, datetime]] = deque(maxlen=_MOST_FOUND)

    def read(self, line: str, time: datetime) -> None:
        """Take one line of the log."""
        for name, pattern in list(self._patterns.items()):
            try:
                match = pattern.search(line)
            except EndlessPatternError as error:
                del self._patterns[name]  # it would hold up the log of every further line
                logger.warning("metric %s: %s", name, error)
                continue
            if match and match.groups():
                try:
                    self._found.append((name, float(match[1]), time))
                except ValueError:
                    continue

    def final(self) -> list[dict[str, Any]]:
        """``FinalMetricDataList``: each metric's last value."""
        last = {name: (value, time) for name, value, time in self._found}
        return [{"MetricName": name, "Value": value, "Timestamp": time} for name, (value, time) in last.items()]

    def metric_data(self, job: str) -> Iterator[list[dict[str, Any]]]:
        """All values as PutMetricData takes them, in parts.

        Args:
            job: the training job's name, which is their dimension.
        """
        dimensions = [{"Name": "TrainingJobName", "Value": job}]
        data = [
            {"MetricName": name, "Value": value, "Timestamp": time, "Dimensions": dimensions}
            for name, value, time in self._found
        ]
        for first in range(0, len(data), _AT_ONCE):
            yield data[first : first + _AT_ONCE]
