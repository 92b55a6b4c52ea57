"""The version, apart from the package itself: beside a folder called ``harness`` that has no ``__init__``."""

__version__ = "0.2.0"
