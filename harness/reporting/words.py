"""How numbers are written, the same in every report, in the terminal and beside a chart."""

from __future__ import annotations

from collections.abc import Sequence

_DECIMALS = 3


def probability(value: float, threshold: float | None = None) -> str:
    """Write a probability in three decimals, or in as many more as it takes to stay on its side of *threshold*.

    What is shown as the threshold would seem not to exceed it: 0.9303 is not written 0.930 beside 0.93.
    """
    for decimals in range(_DECIMALS, 10):
        text = f"{value:.{decimals}f}"
        if threshold is None or (float(text) > threshold) == (value > threshold):
            return text
    return repr(value)


def limit(threshold: float) -> str:
    """Write a threshold, never rounded: in three decimals, or in as many as it has."""
    return f"{threshold:.{_DECIMALS}f}" if round(threshold, _DECIMALS) == threshold else repr(threshold)


def percent(share: float) -> str:
    """Write a share of 1 in percent, one decimal; what is not all is not written 100, nor what is not nothing 0."""
    text = f"{100 * share:.1f}"
    if (text == "100.0") != (share == 1) or (text == "0.0") != (share == 0):
        text = f"{100 * share:.3f}".rstrip("0") if 0 < share < 1 else text
    return f"{text} %"


def share(count: int, total: int) -> str:
    """Write a share with what it is of: ``59.9 % (106 of 177)``."""
    return f"{percent(count / total)} ({count:,} of {total:,})" if total else "none of 0"


def count(number: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def joined(parts: Sequence[str]) -> str:
    """``one, two and three``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
