"""Lists of jobs, filtered, sorted and paged as every List...Jobs operation does it.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListProcessingJobs.html
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.emulator.door.members import Members, number, optional_time, text
from harness.emulator.sagemaker.names import refusal

_MOST = 10
_TIMES = ("CreationTime", "LastModifiedTime")


def page(kind: str, summaries: Sequence[Members], asked: Members) -> Members:
    """One page of *summaries*.

    Args:
        kind: of job, ``ProcessingJob``: the members' names begin with it.
        summaries: of all jobs.
        asked: the operation's parameters.

    Raises:
        AwsError: ``NextToken`` is none of ours.
    """
    found = [summary for summary in summaries if _is_wanted(kind, summary, asked)]
    order, descending = text(asked, "SortBy", "CreationTime"), text(asked, "SortOrder", "Descending") == "Descending"
    found.sort(key=lambda summary: _key(summary, kind, order), reverse=descending)
    return part_of(f"{kind}Summaries", found, asked)


def part_of(member: str, found: Sequence[Members], asked: Members, most: int = _MOST) -> Members:
    """As much of a list as was asked for, and the token for the next part.

    Args:
        member: of the answer, which has the list.
        found: the whole list, in its order.
        asked: the operation's parameters.
        most: entries where ``MaxResults`` is not given.

    Raises:
        AwsError: ``NextToken`` is none of ours.
    """
    token = text(asked, "NextToken", "") or "0"
    if not (token.isascii() and token.isdigit()):
        raise refusal("Invalid NextToken.")
    first, most = int(token), number(asked, "MaxResults", most)
    answer: dict[str, object] = {member: found[first : first + most]}
    if first + most < len(found):
        answer["NextToken"] = str(first + most)
    return answer


def _key(summary: Members, kind: str, order: str) -> float | str:
    time = optional_time(summary, order)
    return time.timestamp() if time is not None else text(summary, f"{kind}{order}")


def _is_wanted(kind: str, summary: Members, asked: Members) -> bool:
    if text(asked, "NameContains", "").lower() not in text(summary, f"{kind}Name").lower():
        return False
    if asked.get("StatusEquals") not in (None, summary[f"{kind}Status"]):
        return False
    for what in _TIMES:
        time = optional_time(summary, what)
        after, before = optional_time(asked, f"{what}After"), optional_time(asked, f"{what}Before")
        if time is not None and ((after is not None and time < after) or (before is not None and time > before)):
            return False
    return True
