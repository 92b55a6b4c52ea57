"""Heads of requests: read as the standard library reads them."""

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.emulator.door.heads import read_headers

NAMES = st.text(st.sampled_from("abcXYZ019-_"), min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f\x85"), max_size=30)
ODD = st.sampled_from([" folded: more", "no colon", ": no name", "name : space", "\tfolded", "a:b:c", "x:", "x:  y  "])


@given(st.lists(st.tuples(NAMES, VALUES).map(": ".join) | ODD, max_size=8))
def test_they_are_read_as_the_standard_library_reads_them(lines):
    data = "\r\n".join([*lines, "", ""]).encode("latin-1")
    ours = read_headers(io.BytesIO(data))
    theirs = http.client.parse_headers(io.BytesIO(data))
    stripped = [(name, value.strip(" \t")) for name, value in theirs.items()]
    assert [(name, value.strip(" \t")) for name, value in ours.items()] == stripped


@pytest.mark.parametrize("data", [b"a: " + b"x" * 70_000 + b"\r\n\r\n", b"a: b\r\n" * 101 + b"\r\n"])
def test_too_much_is_refused(data):
    with pytest.raises(http.client.HTTPException):
        read_headers(io.BytesIO(data))
