"""thresholdImageData: lets an event pass whose prediction is sure enough, and fails the execution otherwise."""

import json
import math
import os
from typing import Any

DEFAULT_THRESHOLD = 0.93


class ThresholdConfidenceNotMet(Exception):
    """The model is not sure enough; the state machine fails with this name."""


def threshold() -> float:
    """Return the confidence that a prediction must exceed, from the environment.

    Raises:
        ValueError: the variable is no number from 0 to 1.
    """
    text = os.environ.get("THRESHOLD") or str(DEFAULT_THRESHOLD)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise ValueError(f"the environment variable THRESHOLD must be a number from 0 to 1, not {text!r}")
    return value


def inferences_of(event: Any) -> list[float]:
    """Return the probabilities in the event's ``body``, a JSON list as text.

    Raises:
        ValueError: naming the field and what is wrong with it.
    """
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'body', not {type(event).__name__}")
    if "body" not in event:
        raise ValueError("the event lacks 'body'")
    text = event["body"]
    if not isinstance(text, str):
        raise ValueError(f"'body' must be the endpoint's answer as text, not {type(text).__name__}")
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ValueError(f"'body' is not JSON: {error}") from None
    if not isinstance(values, list) or not values:
        raise ValueError(f"'body' must be a list of probabilities, not {text[:100]!r}")
    for value in values:
        # NaN is not between 0 and 1 either, though json.loads takes it.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(f"'body' must be a list of probabilities from 0 to 1, and holds {value!r}")
    return [float(value) for value in values]


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Pass the event on, as JSON text, if the largest of its probabilities exceeds the threshold.

    Raises:
        ThresholdConfidenceNotMet: it does not.
    """
    confidence = max(inferences_of(event))
    needed = threshold()
    if not confidence > needed:
        raise ThresholdConfidenceNotMet(
            f"THRESHOLD_CONFIDENCE_NOT_MET: the confidence {confidence} does not exceed the threshold {needed}"
        )
    return {"statusCode": 200, "body": json.dumps(event)}
