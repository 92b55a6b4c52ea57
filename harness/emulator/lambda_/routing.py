"""Which version an invocation runs: an alias may lead to a second one now and then.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

from __future__ import annotations

import random

from harness.emulator.lambda_.records import Function


def version_for(function: Function, qualifier: str | None) -> str:
    """Choose the version that this invocation of *qualifier* runs."""
    alias = function.aliases.get(qualifier or "")
    if alias is not None:
        drawn = random.random()
        for version, weight in ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}).items():
            drawn -= float(weight)
            if drawn < 0:
                return str(version)
    return function.version_of(qualifier)
