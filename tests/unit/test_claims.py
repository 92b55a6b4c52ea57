"""The table of docs/aws.md: each claim says from where it is known, and the tests that it names are there."""

import ast
import re

COLUMNS = ("claim", "proved on the stand-in", "public evidence", "unverified")


def claims(root):
    """The rows of the table, by column."""
    text = (root / "docs" / "aws.md").read_text().partition("## What is known from where")[2]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    assert tuple(head) == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def names_of_tests(root):
    """Names of all test functions."""
    return {
        node.name
        for path in (root / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_claim_names_tests_that_are_there(root):
    there = names_of_tests(root)
    for row in claims(root):
        named = re.findall(r"`(test_\w+)`", row["proved on the stand-in"])
        assert named, row["claim"]
        assert set(named) <= there, row["claim"]
        assert not re.sub(r"`test_\w+`|[, ]", "", row["proved on the stand-in"]), row["claim"]


def test_evidence_is_linked_and_what_is_not_seen_is_said(root):
    rows = claims(root)
    assert len({row["claim"] for row in rows}) == len(rows) > 20
    linked = [row for row in rows if "](https://" in row["public evidence"]]
    assert len(linked) > len(rows) / 2
    assert [row for row in rows if row["unverified"]]
