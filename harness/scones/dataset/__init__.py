"""The data set: extracted from CIFAR-100's archive or synthesized, transformed to PNG files, loaded to S3."""

from harness.reporting.labels import CLASS_NAMES as CLASS_NAMES
