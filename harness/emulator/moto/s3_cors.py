"""The CORS configurations of buckets, as moto keeps them."""

from __future__ import annotations

from typing import Any

from harness.emulator.door.cors import CorsRule


def cors_rules(account_id: str, bucket: str) -> list[CorsRule] | None:
    """Return the rules of *bucket*, none where it has no configuration; None where there is no such bucket."""
    from moto.s3.models import s3_backends

    found: Any = s3_backends[account_id]["aws"].buckets.get(bucket)
    if found is None:
        return None
    return [
        CorsRule(
            list(rule.allowed_origins or ()),
            list(rule.allowed_methods or ()),
            list(rule.allowed_headers or ()),
            list(rule.exposed_headers or ()),
            None if rule.max_age_seconds is None else int(rule.max_age_seconds),
        )
        for rule in found.cors
    ]
