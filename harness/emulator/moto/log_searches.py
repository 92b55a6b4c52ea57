"""FilterLogEvents as AWS answers it.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

import functools
import json
from typing import Any

from harness.emulator.door.errors import AwsError
from harness.emulator.logs.patterns import LogPattern
from harness.emulator.moto.patches import Patch


def log_search_patches() -> tuple[Patch, ...]:
    """Return the patches, for :class:`~harness.emulator.moto.patches.Patches`."""
    return (
        Patch(
            "moto.logs.responses",
            "LogsResponse.filter_log_events",
            "moto overlooks logStreamNamePrefix and logGroupIdentifier, and sorts events only where it is told to",
            "ours",
            _search,
        ),
        Patch(
            "moto.logs.models",
            "EventMessageFilter",
            "moto takes every event for one that has a pattern which it cannot read",
            "ours",
            lambda original: LogPattern,
        ),
    )


def _search(original: Any) -> Any:
    @functools.wraps(original)
    def filter_log_events(self: Any) -> str:
        given = json.loads(self.body)
        name, names, prefix = given.get("logGroupName"), given.get("logStreamNames"), given.get("logStreamNamePrefix")
        if identifier := given.get("logGroupIdentifier"):
            name = identifier.rpartition(":log-group:")[2].removesuffix(":*")
        LogPattern(given.get("filterPattern"))  # refused even where there is nothing to search
        if names and prefix is not None:
            words = "LogStreamNames and LogStreamNamePrefix cannot be specified together."
            raise AwsError("InvalidParameterException", words)
        group = self.logs_backend.groups.get(name)
        if prefix is not None and group is not None:
            names = [each for each in group.streams if each.startswith(prefix)]
            if not names:
                return json.dumps({"events": [], "searchedLogStreams": []})
        times = given.get("startTime"), given.get("endTime")
        page = given.get("limit"), given.get("nextToken")
        # The last argument sorts them, as AWS has done since 2019 whatever is asked for.
        events, token, searched = self.logs_backend.filter_log_events(
            name, names, *times, *page, given.get("filterPattern"), True
        )
        return json.dumps({"events": events, "nextToken": token, "searchedLogStreams": searched})

    return filter_log_events
