"""``statistics.json``: what a data set's columns are like.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-statistics.html
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from harness.algorithms.model_monitor.dataset import Row

INTEGRAL, FRACTIONAL, STRING, UNKNOWN = "Integral", "Fractional", "String", "Unknown"
NUMERIC = (INTEGRAL, FRACTIONAL)
_INTEGER = re.compile(r"[-+]?\d+")
_BUCKETS = 10
_K, _C = 2048, 0.64
_MOST_CATEGORIES = 100


def kind_of(value: str) -> str:
    """Return the type of one value that is there."""
    if _INTEGER.fullmatch(value.strip()):
        return INTEGRAL
    try:
        return FRACTIONAL if math.isfinite(float(value)) else STRING
    except ValueError:
        return STRING


def columns_of(rows: Sequence[Row]) -> dict[str, list[str | None]]:
    """Return the columns, in the order in which they first come."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def statistics_of(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the document for a data set."""
    features = [_feature(name, values) for name, values in columns_of(rows).items()]
    return {"version": 0.0, "dataset": {"item_count": len(rows)}, "features": features}


def _feature(name: str, values: Sequence[str | None]) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    common = {"num_present": len(present), "num_missing": len(values) - len(present)}
    kinds = {kind_of(value) for value in present}
    inferred = next((kind for kind in (STRING, FRACTIONAL, INTEGRAL) if kind in kinds), UNKNOWN)
    feature: dict[str, Any] = {"name": name, "inferred_type": inferred}
    if inferred in NUMERIC:
        feature["numerical_statistics"] = {"common": common, **_numbers([float(value) for value in present])}
    else:
        counts = Counter(present).most_common()
        told: dict[str, Any] = {"common": common, "distinct_count": float(len(counts))}
        if 0 < len(counts) <= _MOST_CATEGORIES:
            buckets = [{"value": value, "count": count} for value, count in counts]
            told["distribution"] = {"categorical": {"buckets": buckets}}
        feature["string_statistics"] = told
    return feature


def _numbers(values: list[float]) -> dict[str, Any]:
    total, least, most = math.fsum(values), min(values), max(values)
    mean = total / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    width = (most - least) / _BUCKETS
    counts = [0] * _BUCKETS
    for value in values:
        counts[min(_BUCKETS - 1, int((value - least) / width)) if width else 0] += 1
    bounds = [least + number * width for number in range(_BUCKETS)] + [most]
    buckets = [
        {"lower_bound": low, "upper_bound": high, "count": float(count)}
        for low, high, count in zip(bounds, bounds[1:], counts, strict=False)
    ]
    sketch = {"parameters": {"c": _C, "k": float(_K)}, "data": sketch_of(values)}
    return {
        "mean": mean,
        "sum": total,
        "std_dev": deviation,
        "min": least,
        "max": most,
        "distribution": {"kll": {"buckets": buckets, "sketch": sketch}},
    }


def sketch_of(values: Sequence[float]) -> list[list[float]]:
    """Return a KLL sketch: a value of level *n* stands for 2 to the power of *n* values."""
    levels: list[list[float]] = [[]]
    for value in values:
        levels[0].append(value)
        level = 0
        while len(levels[level]) > _K:
            if level + 1 == len(levels):
                levels.append([])
            kept = sorted(levels[level])
            odd = [kept.pop()] if len(kept) % 2 else []
            levels[level + 1] += kept[level % 2 :: 2]
            levels[level] = odd
            level += 1
    return levels
