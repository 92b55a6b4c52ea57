"""Lists of jobs, filtered, sorted and paged as every List...Jobs operation does it.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListProcessingJobs.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from harness.emulator.sagemaker.names import refusal

_MOST = 10
_TIMES = ("CreationTime", "LastModifiedTime")


def page(kind: str, summaries: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> dict[str, Any]:
    """One page of *summaries*.

    Args:
        kind: of job, ``ProcessingJob``: the members' names begin with it.
        summaries: of all jobs.
        asked: the operation's parameters.

    Raises:
        AwsError: ``NextToken`` is none of ours.
    """
    found = [summary for summary in summaries if _is_wanted(kind, summary, asked)]
    order = asked.get("SortBy", "CreationTime")
    key = order if order == "CreationTime" else f"{kind}{order}"
    found.sort(key=lambda summary: summary[key], reverse=asked.get("SortOrder", "Descending") == "Descending")
    token = asked.get("NextToken") or "0"
    if not (token.isascii() and token.isdigit()):
        raise refusal("Invalid NextToken.")
    first, most = int(token), asked.get("MaxResults") or _MOST
    answer: dict[str, Any] = {f"{kind}Summaries": found[first : first + most]}
    if first + most < len(found):
        answer["NextToken"] = str(first + most)
    return answer


def _is_wanted(kind: str, summary: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    if asked.get("NameContains", "").lower() not in summary[f"{kind}Name"].lower():
        return False
    if asked.get("StatusEquals") not in (None, summary[f"{kind}Status"]):
        return False
    for what in _TIMES:
        after, before = asked.get(f"{what}After"), asked.get(f"{what}Before")
        if (after is not None and summary[what] < _aware(after)) or (
            before is not None and summary[what] > _aware(before)
        ):
            return False
    return True


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
