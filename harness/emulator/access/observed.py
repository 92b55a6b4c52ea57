"""What roles were seen doing, as the smallest policies that would have allowed it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from harness.emulator.access.policies import ANY


def smallest_policy(calls: Mapping[str, set[str]]) -> dict[str, Any]:
    """Write a policy document that allows *calls*, resources by action, and nothing else.

    Objects of one folder of a bucket are put together as that folder, streams of one log group as that group's.
    """
    statements: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for action, resources in sorted(calls.items()):
        statements[tuple(sorted(_together(resources)))].append(action)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": _one_or_all(actions), "Resource": _one_or_all(list(resources))}
            for resources, actions in sorted(statements.items(), key=lambda item: item[1])
        ],
    }


def _together(resources: set[str]) -> set[str]:
    folders: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        known = "*" if resource == ANY else resource
        is_object = known.startswith("arn:aws:s3:::") and "/" in known
        folders[known.rpartition("/")[0] if is_object else known].add(known)
    return {f"{folder}/*" if len(found) > 1 else next(iter(found)) for folder, found in folders.items()}


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
