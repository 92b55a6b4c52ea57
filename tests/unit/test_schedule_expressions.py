"""Schedule expressions, by AWS's examples."""

from datetime import UTC, datetime, timedelta

import pytest

from harness.emulator.events.expressions import read_expression


def due(text, moment, begun="2026-01-01T00:00:00", timezone="UTC"):
    """Whether it is due in the minute that ends at *moment*."""
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    expression = read_expression(text, timezone)
    return expression.is_due(datetime.fromisoformat(begun).replace(tzinfo=UTC), now - timedelta(minutes=1), now)


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("cron(0 10 * * ? *)", "2026-03-04T10:00:00", True),
        ("cron(0 10 * * ? *)", "2026-03-04T10:01:30", False),
        ("cron(15 12 * * ? *)", "2026-03-04T12:15:00", True),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-27T18:00:00", True),  # a Friday
        ("cron(0 18 ? * MON-FRI *)", "2026-11-28T18:00:00", False),
        ("cron(0 8 1 * ? *)", "2026-02-01T08:00:00", True),
        ("cron(0/15 * * * ? *)", "2026-02-01T08:45:00", True),
        ("cron(0/15 * * * ? *)", "2026-02-01T08:46:00", False),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-26T17:55:00", True),
        ("cron(0 0 L * ? *)", "2028-02-29T00:00:00", True),
        ("cron(0 0 3W * ? *)", "2026-01-02T00:00:00", True),  # the third is a Saturday
        ("cron(0 9 ? * 2#1 *)", "2026-11-02T09:00:00", True),  # the first Monday
        ("cron(0 9 ? * 6L *)", "2026-11-27T09:00:00", True),  # the last Friday
        ("cron(0 9 ? JAN,MAR * 2027)", "2026-01-02T09:00:00", False),
        ("rate(5 minutes)", "2026-01-01T00:10:00", True),
        ("rate(5 minutes)", "2026-01-01T00:12:00", False),
        ("rate(1 day)", "2026-01-03T00:00:00", True),
        ("at(2026-01-01T00:00:00)", "2026-01-01T00:00:01", True),
        ("at(2026-01-01T00:00:00)", "2025-12-31T23:59:00", False),
    ],
)
def test_when_expressions_are_due(text, moment, expected):
    assert due(text, moment) is expected


def test_a_timezone_moves_them():
    assert due("cron(0 10 * * ? *)", "2026-07-01T08:00:00", timezone="Europe/Berlin")
    assert due("at(2026-07-01T10:00:00)", "2026-07-01T08:00:00", timezone="Europe/Berlin")


@pytest.mark.parametrize("text", ["", "rate(5)", "cron(* * * *)", "cron(61 * * * ? *)", "cron(0 9 ? * XYZ *)", "at(x)"])
def test_what_is_no_expression(text):
    assert read_expression(text) is None
