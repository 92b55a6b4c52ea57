"""The data set: extracted from CIFAR-100's archive or synthesized, transformed to PNG files, loaded to S3."""

CLASS_NAMES = ("bicycle", "motorcycle")
"""By label."""
