"""Has moto forget the tags of what is deleted: the next of its name would have them."""

from __future__ import annotations

from typing import Any

from harness.emulator.moto.patches import Patch


def forgotten_tag_patches() -> tuple[Patch, ...]:
    """Remove a bucket's or schedule group's tags with it."""

    def replace_bucket(original: Any) -> Any:
        def delete_bucket(backend: Any, bucket_name: str) -> Any:
            deleted = original(backend, bucket_name)
            if deleted is not None:
                backend.tagger.delete_all_tags_for_resource(deleted.arn)
            return deleted

        return delete_bucket

    def replace_group(original: Any) -> Any:
        def delete_schedule_group(backend: Any, name: str | None) -> None:
            group = backend.get_schedule_group(name)
            original(backend, name)
            backend.tagger.delete_all_tags_for_resource(group.arn)

        return delete_schedule_group

    reason = "the tags stay, and are those of the next of its name"
    return (
        Patch("moto.s3.models", "S3Backend.delete_bucket", reason, "ours", replace_bucket),
        Patch(
            "moto.scheduler.models",
            "EventBridgeSchedulerBackend.delete_schedule_group",
            reason,
            "ours",
            replace_group,
        ),
    )
