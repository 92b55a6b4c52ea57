"""A local-first emulation and test harness for ML workflows on AWS."""

__version__ = "0.1.0"
