"""Has moto's EventBridge tell targets the account of an event, which moto leaves out."""

from __future__ import annotations

from harness.emulator.moto.patches import Patch


def event_patches() -> tuple[Patch, ...]:
    """The patch, for :class:`~harness.emulator.moto.patches.Patches`."""
    source = '"source": "<source>"'
    return (
        Patch(
            "moto.events.utils",
            "EventTemplateParser.DEFAULT_EVENT_INPUT_TEMPLATE",
            "an event that a rule sends on says of which account it is",
            "ours",
            lambda template: template.replace(source, f'{source}, "account": "<account>"'),
        ),
    )
