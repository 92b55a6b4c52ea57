"""The log in the form of AWS's algorithms, which the SageMaker SDK shows and metric definitions parse."""

from __future__ import annotations

import logging
import sys

TAB = "#011"
"""A tab as CloudWatch's agent writes it; the real logs hold these four characters."""


def set_up_log() -> logging.Logger:
    """Return the algorithm's logger, writing ``[09/23/2023 22:41:45 INFO 140428178859840] message`` to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        logging.Formatter("[%(asctime)s %(levelname)s %(thread)d] %(message)s", datefmt="%m/%d/%Y %H:%M:%S")
    )
    logger = logging.getLogger("image_classification")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger
