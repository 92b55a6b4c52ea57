"""What moto's EventBridge leaves out of events, and its patterns, which must not hang the emulator."""

from __future__ import annotations

from functools import lru_cache

from harness.emulator.moto.patches import Patch
from harness.states_language.wildcards import wildcard_pattern


def event_patches() -> tuple[Patch, ...]:
    """Return the patches, for :class:`~harness.emulator.moto.patches.Patches`."""
    source = '"source": "<source>"'
    return (
        Patch(
            "moto.events.utils",
            "EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE",
            "an event that a rule sends on says of which account it is",
            "ours",
            lambda template: template.replace(source, f'{source}, "account": "<account>"'),
        ),
        Patch(
            "moto.events.models",
            "EventPattern._wildcard_match",
            "moto makes a regular expression of it, which goes back and forth for ever and holds up every thread",
            "ours",
            lambda original: staticmethod(_wildcard_match),
        ),
    )


def _wildcard_match(item: object, pattern: str) -> bool:
    return isinstance(item, str) and _compiled(pattern)(item)


_compiled = lru_cache(256)(wildcard_pattern)
