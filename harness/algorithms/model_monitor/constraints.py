"""``constraints.json`` and ``constraint_violations.json``: what a baseline suggests, and what later data breaks.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-constraints.html
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-violations.html
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from harness.algorithms.model_monitor.dataset import Row
from harness.algorithms.model_monitor.statistics import FRACTIONAL, NUMERIC, STRING, columns_of, kind_of

_SMALL = 20
"""Distinct texts up to which they are a domain."""
_ROBUST = 1.8


def suggested(statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constraints that a baseline's statistics suggest."""
    features = []
    for feature in statistics["features"]:
        told = feature.get("numerical_statistics") or feature["string_statistics"]
        common = told["common"]
        total = common["num_present"] + common["num_missing"]
        item: dict[str, Any] = {
            "name": feature["name"],
            "inferred_type": feature["inferred_type"],
            "completeness": common["num_present"] / total if total else 0.0,
        }
        if feature["inferred_type"] in NUMERIC:
            item["num_constraints"] = {"is_non_negative": told["min"] >= 0}
        buckets = _categories(feature)
        if 0 < len(buckets) <= _SMALL:
            item["string_constraints"] = {"domains": sorted(buckets)}
        features.append(item)
    return {
        "version": 0.0,
        "features": features,
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": 0.1,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": 0.1,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def violations(
    rows: Sequence[Row],
    statistics: Mapping[str, Any],
    constraints: Mapping[str, Any],
    baseline: Mapping[str, Any] | None,
) -> list[dict[str, str]]:
    """Return what of the constraints a data set breaks.

    Args:
        rows: the data set.
        statistics: of it.
        constraints: of the baseline.
        baseline: the baseline's statistics; without them, nothing is said of drift.
    """
    config = constraints.get("monitoring_config") or {}
    if config.get("evaluate_constraints", "Enabled") != "Enabled":
        return []
    columns = columns_of(rows)
    expected = {feature["name"]: feature for feature in constraints["features"]}
    found = list(_columns(columns, expected))
    for name, feature in expected.items():
        if name in columns:
            overrides = feature.get("monitoringConfigOverrides") or {}
            found += _values(name, columns[name], feature, {**config, **overrides})
    distribution = config.get("distribution_constraints") or {}
    if baseline is not None and distribution.get("perform_comparison", "Enabled") == "Enabled":
        found += _drift(statistics, baseline, distribution)
    return found


def _violation(name: str, check: str, description: str) -> dict[str, str]:
    return {"feature_name": name, "constraint_check_type": check, "description": description}


def _columns(columns: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    numbers = (
        f"Number of columns in current dataset: {len(columns)}, "
        f"Number of columns in baseline constraints: {len(expected)}"
    )
    if expected.keys() - columns.keys():
        yield _violation(
            "Missing columns", "missing_column_check", f"There are missing columns in current dataset. {numbers}"
        )
    if columns.keys() - expected.keys():
        yield _violation(
            "Extra columns", "extra_column_check", f"There are extra columns in current dataset. {numbers}"
        )


def _values(
    name: str, values: Sequence[str | None], feature: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    present = [value for value in values if value is not None]
    completeness = len(present) / len(values)
    if completeness < feature.get("completeness", 0.0):
        yield _violation(name, "completeness_check", f"Value: {completeness} does not meet the constraint requirement!")
    if not present:
        return
    wanted, least = feature.get("inferred_type"), config.get("datatype_check_threshold", 1.0)
    allowed = NUMERIC if wanted == FRACTIONAL else (wanted,)
    share = sum(kind_of(value) in allowed for value in present) / len(present)
    if wanted not in (STRING, "Unknown", None) and share < least:
        yield _violation(
            name,
            "data_type_check",
            f"Data type match requirement is not met. Expected data type: {wanted}, Expected match: {least * 100}%. "
            f"Observed: Only {share * 100}% of data is {wanted}.",
        )
    domains = (feature.get("string_constraints") or {}).get("domains")
    if domains:
        known = sum(value in domains for value in present) / len(present)
        if known < config.get("domain_content_threshold", 1.0):
            yield _violation(
                name, "categorical_values_check", f"Value: {known} does not meet the constraint requirement!"
            )


def _drift(
    statistics: Mapping[str, Any], baseline: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    before = {feature["name"]: feature for feature in baseline["features"]}
    robust = config.get("comparison_method", "Robust") == "Robust"
    for feature in statistics["features"]:
        other = before.get(feature["name"])
        if other is None:
            continue
        if feature["inferred_type"] in NUMERIC and other["inferred_type"] in NUMERIC:
            distance = numeric_distance(_sketch(feature), _sketch(other), robust)
            most = config.get("comparison_threshold", 0.1)
        elif _categories(feature) and _categories(other):
            distance = _categorical_distance(_categories(feature), _categories(other), robust)
            most = config.get("categorical_comparison_threshold", 0.1)
        else:
            continue
        if distance > most:
            yield _violation(
                feature["name"],
                "baseline_drift_check",
                f"Baseline drift distance: {distance} exceeds threshold: {most}",
            )


def _sketch(feature: Mapping[str, Any]) -> list[list[float]]:
    found: list[list[float]] = feature["numerical_statistics"]["distribution"]["kll"]["sketch"]["data"]
    return found


def _categories(feature: Mapping[str, Any]) -> dict[str, int]:
    distribution = (feature.get("string_statistics") or {}).get("distribution") or {}
    return {item["value"]: item["count"] for item in (distribution.get("categorical") or {}).get("buckets") or []}


def numeric_distance(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]], robust: bool) -> float:
    """Return the largest distance between two cumulative distributions, given as KLL sketches.

    Args:
        one: values by level.
        other: values by level.
        robust: take off what samples of this size differ by chance.
    """
    first, second = _cumulative(one), _cumulative(other)
    points = sorted({*first[0], *second[0]})
    largest = max(abs(_below(first, point) - _below(second, point)) for point in points)
    return _adjusted(largest, first[1][-1], second[1][-1], robust)


def _cumulative(levels: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    weighted = sorted((value, 2.0**level) for level, values in enumerate(levels) for value in values)
    return [value for value, _ in weighted], list(accumulate(weight for _, weight in weighted))


def _below(of: tuple[list[float], list[float]], point: float) -> float:
    place = bisect_right(of[0], point)
    return of[1][place - 1] / of[1][-1] if place else 0.0


def _categorical_distance(one: Mapping[str, int], other: Mapping[str, int], robust: bool) -> float:
    size, others = sum(one.values()), sum(other.values())
    largest = max(abs(one.get(value, 0) / size - other.get(value, 0) / others) for value in {*one, *other})
    return _adjusted(largest, size, others, robust)


def _adjusted(distance: float, size: float, others: float, robust: bool) -> float:
    return max(0.0, distance - _ROBUST * math.sqrt((size + others) / (size * others))) if robust else distance
