"""What is wrong with a definition is said in AWS's codes, words and places."""

import json

import pytest

from harness.states_language.definition import InvalidDefinition, diagnose, parse

PASS = {"Type": "Pass", "End": True}


def found_in(states, start="A", **more):
    """Return code, message and location of what is wrong with a machine."""
    text = json.dumps({"StartAt": start, "States": states, **more})
    return [(each.code, each.message, each.location) for each in diagnose(text)]


def test_a_workflow_without_an_end_is_told_so_and_nothing_of_what_is_not_reached():
    loop = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    endless = ("MISSING_END_STATE", "Workflow has no terminal state", None)
    assert found_in(loop) == [endless]
    assert found_in({**loop, "C": {"Type": "Pass", "Next": "A"}}) == [endless]
    missing = ("MISSING_TRANSITION_TARGET", "Missing 'Next' target: X", "/States/B/Next")
    assert found_in({**loop, "B": {"Type": "Pass", "Next": "X"}}) == [missing, endless]
    unreached = ("MISSING_TRANSITION_TARGET", 'State "C" is not reachable.', "/States/C")
    assert found_in({**loop, "C": PASS}) == [unreached]
    inner = {"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": loop}, "End": True}
    assert found_in({"M": inner}, "M") == []
    with pytest.raises(InvalidDefinition, match="'MISSING_END_STATE: Workflow has no terminal state at null'"):
        parse(json.dumps({"StartAt": "A", "States": loop}))


LANGUAGES = "Value should be one of the following: [JSONPath, JSONata]"


@pytest.mark.parametrize(
    ("machine", "state", "expected"),
    [
        ("jsonata", {"Output": {"v": "{% 1 %}"}}, [(LANGUAGES, "/QueryLanguage")]),
        (5, {}, [("Expected value of type [STRING]", "/QueryLanguage")]),
        (None, {"QueryLanguage": "foo", "Output": {}}, [(LANGUAGES, "/States/A/QueryLanguage")]),
        ("JSONata", {"QueryLanguage": "jsonpath"}, [(LANGUAGES, "/States/A/QueryLanguage")]),
        (
            None,
            {"QueryLanguage": 5, "InputPath": "$.a"},
            [
                (
                    "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' "
                    "QueryLanguage",
                    "/States/A",
                ),
                ("Expected value of type [STRING]", "/States/A/QueryLanguage"),
            ],
        ),
        (
            "JSONata",
            {"QueryLanguage": "JSONPath", "Output": {"v": "{% 1 %}"}},
            [("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", "/States/A")],
        ),
    ],
)
def test_a_query_language_that_there_is_not_counts_as_jsonata(machine, state, expected):
    more = {} if machine is None else {"QueryLanguage": machine}
    assert [(words, place) for _, words, place in found_in({"A": {**PASS, **state}}, **more)] == expected


TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
MAP = {"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": PASS}}, "End": True}
CONFIG = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
DISTRIBUTED = {**MAP, "ItemProcessor": {**MAP["ItemProcessor"], "ProcessorConfig": CONFIG}}
READER = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}
ALL = {"ErrorEquals": ["States.ALL"]}
ALONE = "States.ALL must appear alone and at end of list"
REFERENCE = "Value is not a Reference Path: Reference path didn't start with '$'"


@pytest.mark.parametrize(
    ("state", "words", "place"),
    [
        ({"Type": "Wait", "Seconds": 10**16, "End": True}, "Maximum value is 99999999", "Seconds"),
        ({"Type": "Wait", "Seconds": -1, "End": True}, "Minimum value is 0", "Seconds"),
        ({**TASK, "TimeoutSeconds": 0}, "Minimum value is 1", "TimeoutSeconds"),
        ({**MAP, "MaxConcurrency": -1}, "Minimum value is 0", "MaxConcurrency"),
        ({**MAP, "ToleratedFailurePercentage": -1}, "Minimum value is 0.0", "ToleratedFailurePercentage"),
        ({**MAP, "ToleratedFailurePercentage": 101}, "Maximum value is 100.0", "ToleratedFailurePercentage"),
        ({**MAP, "MaxConcurrencyPath": "$$.Execution.Input.n"}, "Value is not a Reference Path", "MaxConcurrencyPath"),
        (
            {**DISTRIBUTED, "ItemReader": {**READER, "ReaderConfig": {"MaxItems": 100_000_001}}},
            "Maximum value is 100000000",
            "ItemReader/ReaderConfig/MaxItems",
        ),
        (
            {**DISTRIBUTED, "ItemReader": {**READER, "ReaderConfig": {"MaxItems": 1, "MaxItemsPath": "$.n"}}},
            "There should only be one of the following fields: [MaxItems, MaxItemsPath]",
            "ItemReader/ReaderConfig",
        ),
        (
            {**DISTRIBUTED, "ItemReader": {**READER, "Resource": "arn:aws:states:::s3:putObject"}},
            "The field 'Resource' does not match any of the allowed values. Examples: "
            "[arn:<partition>:states:::s3:getObject, arn:<partition>:states:::s3:listObjectsV2]",
            "ItemReader/Resource",
        ),
        (
            {**DISTRIBUTED, "ResultWriter": {"WriterConfig": {"OutputType": "CSV"}}},
            "The field 'OutputType' should have one of these values: [JSON, JSONL]",
            "ResultWriter/WriterConfig/OutputType",
        ),
        (
            {**DISTRIBUTED, "ItemBatcher": {"MaxItemsPerBatch": -1}},
            "Minimum value is 0",
            "ItemBatcher/MaxItemsPerBatch",
        ),
        ({**MAP, "ItemReader": READER}, "Field 'ItemReader' is not supported", ""),
        ({**TASK, "Retry": [ALL, {"ErrorEquals": ["A"]}]}, ALONE, "Retry[0]/ErrorEquals[0]"),
        ({**TASK, "Retry": [{"ErrorEquals": ["A", "States.ALL"]}]}, ALONE, "Retry[0]/ErrorEquals[1]"),
        ({**TASK, "Retry": {}}, "Expected value of type [ARRAY]", "Retry"),
        ({"Type": "Fail", "ErrorPath": 5}, "Expected value of type [STRING]", "ErrorPath"),
        ({**PASS, "ResultPath": "a"}, REFERENCE, "ResultPath"),
        (
            {**MAP, "ItemProcessor": {**MAP["ItemProcessor"], "QueryLanguage": "JSONata"}},
            "Field 'QueryLanguage' is not supported",
            "ItemProcessor",
        ),
        (
            {"Type": "Parallel", "Branches": [{**MAP["ItemProcessor"], "QueryLanguage": "JSONata"}], "End": True},
            "Field 'QueryLanguage' is not supported",
            "Branches[0]",
        ),
    ],
)
def test_what_is_wrong_with_a_value(state, words, place):
    assert found_in({"A": state}) == [("SCHEMA_VALIDATION_FAILED", words, f"/States/A/{place}".rstrip("/"))]


@pytest.mark.parametrize(
    ("rule", "words", "place"),
    [
        ({"Variable": "Test", "StringMatches": "Test"}, REFERENCE, "/Variable"),
        ({"Variable": "$.a", "StringEqualsPath": "b"}, REFERENCE, "/StringEqualsPath"),
        ({"Variable": "$.a", "StringEquals": 1}, "Expected value of type [STRING]", "/StringEquals"),
        ({"Variable": "$.a", "BooleanEquals": "true"}, "Expected value of type [BOOLEAN]", "/BooleanEquals"),
        ({"Variable": "$.a", "StringEquals": "x", "Nxt": "B"}, "Field 'Nxt' is not supported", ""),
    ],
)
def test_what_is_wrong_with_a_choice_rule(rule, words, place):
    choice = {"Type": "Choice", "Choices": [{**rule, "Next": "B"}]}
    expected = [("SCHEMA_VALIDATION_FAILED", words, f"/States/A/Choices[0]{place}")]
    assert found_in({"A": choice, "B": PASS}) == expected


def test_labels_are_names_and_unique():
    one_map = {**DISTRIBUTED, "Label": "a b"}
    assert [code for code, _, _ in found_in({"A": one_map})] == ["INVALID_LABEL_NAME"]
    processor = {"StartAt": "Q", "States": {"Q": PASS}, "ProcessorConfig": CONFIG}
    two = {"A": {**DISTRIBUTED, "Label": "L", "End": False, "Next": "B"}, "B": {**MAP, "Label": "L"}}
    two["A"].pop("End")
    two["B"]["ItemProcessor"] = processor
    assert [code for code, _, _ in found_in(two)] == ["DUPLICATE_LABEL_NAME"]


def test_what_looks_like_a_path_and_is_none_is_warned_of_and_not_refused():
    rule = {"Variable": "$.a", "StringEquals": "$.b", "Next": "B"}
    states = {
        "A": {"Type": "Choice", "Choices": [rule], "Default": "B"},
        "B": {"Type": "Pass", "Result": "$.a", "Parameters": {"a": {"b": "$.c", "d": "States.UUID()"}}, "End": True},
    }
    text = json.dumps({"StartAt": "A", "States": states})
    assert [(each.severity, each.code, each.location) for each in diagnose(text)] == [
        ("WARNING", "NO_PATH", "/States/A/Choices[0]/StringEquals"),
        ("WARNING", "NO_DOLLAR", "/States/B/Parameters/a/b"),
        ("WARNING", "NO_DOLLAR", "/States/B/Parameters/a/d"),
        ("WARNING", "PASS_RESULT_IS_STATIC", "/States/B/Result"),
    ]
    assert parse(text).start_at == "A"
