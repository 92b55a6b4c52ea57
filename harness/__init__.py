"""A local-first emulation and test harness for ML workflows on AWS."""

from harness.version import __version__

__all__ = ["__version__"]
