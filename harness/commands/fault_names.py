"""What a fault can strike in the emulator that runs for this folder, by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.settings import Settings

_LISTED = {
    "function": ("lambda", "list_functions", "Functions", "FunctionName"),
    "endpoint": ("sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
    "bucket": ("s3", "list_buckets", "Buckets", "Name"),
}


def require_known(fault: Mapping[str, Any], settings: Settings) -> None:
    """Refuse a fault of something that does not exist, which would never strike.

    Raises:
        ValueError: naming what exists.
    """
    kind = next((kind for kind in (*_LISTED, "state") if isinstance(fault.get(kind), str)), None)
    if kind is None or fault[kind] == "*":
        return
    import difflib

    import boto3

    from harness.targets import open_standing_target

    with open_standing_target(settings):
        known = sorted(set(_states(boto3.client("stepfunctions")) if kind == "state" else _names(kind)))
    name = str(fault[kind])
    if name in known:
        return
    near = difflib.get_close_matches(name, known, 3) or known[:5]
    there = f"there is {', '.join(near)}" if near else f"there is no {kind} yet"
    raise ValueError(f"no {kind} is called {name!r}: {there}. --force strikes it all the same, once it exists.")


def _names(kind: str) -> Iterator[str]:
    import boto3

    service, operation, items, member = _LISTED[kind]
    client = boto3.client(service)
    for page in client.get_paginator(operation).paginate():
        for item in page[items]:
            yield str(item[member])


def _states(states: Any) -> Iterator[str]:
    from harness.testing.asl_coverage import all_states

    for page in states.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            described = states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
            for name, _ in all_states(json.loads(described["definition"])):
                yield name
                yield f"{machine['name']}/{name}"
