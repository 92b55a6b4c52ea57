"""``harness run``: scripts and notebooks, unmodified, against a target."""
