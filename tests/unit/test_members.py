"""Members of a structure: read as what they are, refused as AWS refuses what they are not."""

import pytest

from harness.emulator.door.errors import AwsError
from harness.emulator.door.members import (
    blob,
    flag,
    number,
    optional_decimal,
    optional_number,
    optional_text,
    structure,
    structures,
    text,
    text_map,
    texts,
)


def test_what_is_given_is_read():
    given = {
        "name": "scones",
        "publish": True,
        "count": 3,
        "share": 0.5,
        "body": b"x",
        "inner": {"a": "b"},
        "list": ["a"],
        "all": [{"a": "b"}],
    }
    assert text(given, "name") == optional_text(given, "name") == "scones"
    assert flag(given, "publish") is True
    assert number(given, "count") == optional_number(given, "count") == 3
    assert optional_decimal(given, "share") == 0.5
    assert blob(given, "body") == b"x"
    assert structure(given, "inner") == text_map(given, "inner") == {"a": "b"}
    assert texts(given, "list") == ["a"]
    assert structures(given, "all") == [{"a": "b"}]


def test_what_is_not_given_is_empty_or_the_default():
    for given in ({}, {"name": None}):
        assert optional_text(given, "name") is optional_number(given, "name") is optional_decimal(given, "name") is None
        assert text(given, "name", "") == ""
        assert number(given, "name", 7) == 7
        assert flag(given, "name", True) is True
        assert blob(given, "name") == b""
        assert structure(given, "name") == text_map(given, "name") == {}
        assert texts(given, "name") == structures(given, "name") == []


@pytest.mark.parametrize("read", [text, number])
def test_what_must_be_given_is_missed_in_awss_words(read):
    with pytest.raises(AwsError) as refused:
        read({}, "RoleArn")
    assert refused.value.code == "ValidationException"
    words = "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"
    assert refused.value.message == f"1 validation error detected: {words}"


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        (text, 1, "NUMBER_VALUE can not be converted to String"),
        (optional_text, [], "START_ARRAY can not be converted to String"),
        (flag, "true", "STRING_VALUE can not be converted to Boolean"),
        (number, True, "TRUE_VALUE can not be converted to Number"),
        (optional_decimal, "1", "STRING_VALUE can not be converted to Number"),
        (blob, "x", "STRING_VALUE can not be converted to ByteBuffer"),
        (structure, "x", "Start of structure or map expected."),
        (structures, [1], "Start of structure or map expected."),
        (structures, {}, "Expected list or null"),
        (texts, [None], "NULL_VALUE can not be converted to String"),
        (text_map, {"a": 1}, "NUMBER_VALUE can not be converted to String"),
    ],
)
def test_what_is_of_another_type_is_refused(read, value, words):
    with pytest.raises(AwsError) as refused:
        read({"member": value}, "member")
    assert (refused.value.code, refused.value.message) == ("SerializationException", words)
