"""All patches of moto, for the emulator to apply and for people to read."""

from __future__ import annotations

from harness.emulator.access.permissions import Permissions
from harness.emulator.moto.app import loader_patches
from harness.emulator.moto.bucket_defaults import bucket_default_patches
from harness.emulator.moto.bucket_tags import bucket_tag_patches
from harness.emulator.moto.events import event_patches
from harness.emulator.moto.forgotten_tags import forgotten_tag_patches
from harness.emulator.moto.iam import iam_patches
from harness.emulator.moto.log_searches import log_search_patches
from harness.emulator.moto.messages import message_patches
from harness.emulator.moto.patches import Patch
from harness.emulator.moto.queues import queue_patches
from harness.emulator.moto.s3_access import s3_access_patches
from harness.emulator.moto.searches import search_patches


def all_patches(permissions: Permissions) -> tuple[Patch, ...]:
    """Every patch, in the order in which they are applied; requests to S3 are held against *permissions*."""
    return (
        *loader_patches(),
        *s3_access_patches(permissions),
        *bucket_default_patches(),
        *bucket_tag_patches(),
        *forgotten_tag_patches(),
        *iam_patches(),
        *event_patches(),
        *message_patches(),
        *queue_patches(),
        *log_search_patches(),
        *search_patches("sqs"),
        *search_patches("events"),
    )
