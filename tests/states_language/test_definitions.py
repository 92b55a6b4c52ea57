"""Definitions are read, or refused in AWS's codes, words and locations."""

import json

import pytest

from harness.states_language.definition import InvalidDefinition, diagnose, parse

PASS = {"Type": "Pass", "End": True}


def one(state, kind="STANDARD", **more):
    """Return what is wrong with a machine of one state, as CreateStateMachine says it."""
    text = json.dumps({"StartAt": "A", "States": {"A": state}, **more})
    return [str(diagnostic) for diagnostic in diagnose(text, kind)]


@pytest.mark.parametrize(
    ("text", "code", "message", "location"),
    [
        ("", "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", None),
        ("[]", "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", None),
        ("{}", "SCHEMA_VALIDATION_FAILED", "These fields are required: [States, StartAt]", "/"),
        (json.dumps({"States": {"A": PASS}}), "SCHEMA_VALIDATION_FAILED", "These fields are required: [StartAt]", "/"),
        (
            "not a definition",
            "INVALID_JSON_DESCRIPTION",
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or "
            "'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4]",
            '[Source: (String)"not a definition"; line: 1, column: 4]',
        ),
    ],
)
def test_what_is_no_definition(text, code, message, location):
    (found,) = diagnose(text)
    assert (found.severity, found.code, found.message, found.location) == ("ERROR", code, message, location)


def test_creation_and_validation_say_the_same():
    states = {"a": {"Type": "Pass", "Next": "c"}, "b": PASS}
    text = json.dumps({"StartAt": "a", "States": states})
    with pytest.raises(InvalidDefinition) as refused:
        parse(text)
    assert refused.value.diagnostics == diagnose(text)
    assert refused.value.message == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: c at /States/a/Next, "
        'MISSING_TRANSITION_TARGET: State "b" is not reachable. at /States/b\''
    )


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        (
            {"Type": "Leap", "End": True},
            "STANDARD",
            "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, "
            "Map] at /States/A/Type",
        ),
        (
            {"Type": "Wait", "Timestamp": "tomorrow", "End": True},
            "STANDARD",
            "String does not match RFC3339 timestamp at /States/A/Timestamp",
        ),
        ({"Type": "Parallel", "Branches": [], "End": True}, "STANDARD", "Value cannot be empty at /States/A/Branches"),
        (
            {"Type": "Pass", "Parameters": {"a.$": "no path"}, "End": True},
            "STANDARD",
            "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call "
            "at /States/A/Parameters",
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True},
            "EXPRESS",
            "Express state machine does not support '.waitForTaskToken' service integration  at /States/A/Resource",
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True},
            "EXPRESS",
            "Express state machine does not support '.sync' service integration at /States/A/Resource",
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "End": True},
            "EXPRESS",
            "Express state machine does not support Activity ARN at /States/A/Resource",
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Credentials": {}, "End": True},
            "STANDARD",
            "The field 'RoleArn' is required but was missing at /States/A/Credentials",
        ),
    ],
)
def test_what_is_wrong_with_a_state(state, kind, words):
    assert one(state, kind) == [f"SCHEMA_VALIDATION_FAILED: {words}"]


def test_a_jsonata_machine_has_no_jsonpath_states():
    assert one({**PASS, "QueryLanguage": "JSONPath"}, QueryLanguage="JSONata") == [
        "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine "
        "at /States/A"
    ]


@pytest.mark.parametrize(("field", "language"), [("Output", "JSONPath"), ("InputPath", "JSONata")])
def test_fields_of_the_other_language_are_refused(field, language):
    other = "JSONata" if language == "JSONPath" else "JSONPath"
    (found,) = one({**PASS, "QueryLanguage": language, field: "$"})
    assert found.endswith(f"but field '{field}' is only supported for the '{other}' QueryLanguage at /States/A")


def test_the_children_of_a_jsonata_map_are_the_machines():
    child = {"Type": "Pass", "Parameters": {"x.$": "$"}, "End": True}
    state = {"Type": "Map", "QueryLanguage": "JSONata", "Items": "{% [1] %}", "End": True}
    assert one({**state, "ItemProcessor": {"StartAt": "B", "States": {"B": child}}}) == []


def test_names_are_unique_in_the_whole_machine():
    state = {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": PASS}}], "End": True}
    assert one(state) == ["DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A"]


def test_a_heartbeat_may_be_as_long_as_the_time_out():
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    assert one({**state, "TimeoutSeconds": 60, "HeartbeatSeconds": 60}) == []


def test_a_heartbeat_is_no_longer_than_the_time_out():
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    (found,) = one({**state, "TimeoutSeconds": 60, "HeartbeatSeconds": 61})
    assert found.endswith("HeartbeatSeconds must be smaller than TimeoutSeconds at /States/A/HeartbeatSeconds")


def test_deep_definitions_are_refused_in_words():
    (found,) = diagnose("[" * 100_000)
    assert found.severity == "ERROR"


def test_a_machine_keeps_nothing_of_one_that_was_refused():
    assert one({**PASS, "Next": "B"})
    assert one(PASS) == []


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("1 +", "INVALID_JSONATA_EXPRESSION: Unexpected end of expression"),
        ("$x[1,2)", 'INVALID_JSONATA_EXPRESSION: Expected "]", got ","'),
        ("phone", "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported."),
        (
            "$map($states.input, function($x){ b })",
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'b' at the top level is not supported.",
        ),
        ("$$", "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported."),
        ("$states.errorOutput", "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist."),
    ],
)
def test_expressions_that_aws_refuses_are_told_with_their_place(expression, told):
    state = {"Type": "Pass", "Output": {"v": f"{{% {expression} %}}"}, "End": True}
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "E", "States": {"E": state}})
    assert [str(each) for each in diagnose(definition)] == [f"{told} at /States/E/Output/v"]


@pytest.mark.parametrize(
    "expression", ["$states.input.a[b > 1]^(c){d: e}", "$states.input.(a)", "$x.b", "[1..3].($ + 1)"]
)
def test_names_behind_the_first_step_are_no_references(expression):
    state = {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}
    assert not diagnose(json.dumps({"QueryLanguage": "JSONata", "StartAt": "E", "States": {"E": state}}))


FLOW = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
WITHOUT_TIME_OUT = {
    "Pass": {"End": True},
    "Wait": {"Seconds": 1, "End": True},
    "Choice": {"Choices": [{"Variable": "$.a", "IsPresent": False, "Next": "A"}]},
    "Succeed": {},
    "Fail": {},
    "Map": {"ItemProcessor": FLOW, "End": True},
    "Parallel": {"Branches": [FLOW], "End": True},
}


@pytest.mark.parametrize(
    ("state", "field"),
    [
        *[({"Type": kind, **more}, "TimeoutSeconds") for kind, more in WITHOUT_TIME_OUT.items()],
        ({"Type": "Pass", "End": True}, "Catch"),
        ({"Type": "Pass", "End": True}, "Retry"),
        ({"Type": "Pass", "End": True}, "Resource"),
        ({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}, "TimeoutSecond"),
        ({"Type": "Succeed"}, "ResultPath"),
    ],
)
def test_a_field_that_a_state_has_not_is_refused_by_name(state, field):
    text = json.dumps({"StartAt": "A", "States": {"A": {**state, field: 1}}})
    found = [(each.code, each.message, each.location) for each in diagnose(text)]
    assert ("SCHEMA_VALIDATION_FAILED", f"Field '{field}' is not supported", "/States/A") in found
    known = json.dumps({"StartAt": "A", "States": {"A": state}})
    assert [each.code for each in diagnose(known)] in ([], ["MISSING_END_STATE"])


def test_a_field_that_a_machine_a_retrier_or_a_catcher_has_not_is_refused_by_name():
    retrier = {"ErrorEquals": ["States.ALL"], "MaxAttempt": 1}
    catcher = {"ErrorEquals": ["States.ALL"], "Next": "B", "Nxt": "B"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "B", "Retry": [retrier]}
    states = {"A": {**task, "Catch": [catcher]}, "B": {"Type": "Succeed"}}
    found = [
        (each.message, each.location)
        for each in diagnose(json.dumps({"StartsAt": 1, "StartAt": "A", "States": states}))
    ]
    assert found == [
        ("Field 'StartsAt' is not supported", "/"),
        ("Field 'MaxAttempt' is not supported", "/States/A/Retry[0]"),
        ("Field 'Nxt' is not supported", "/States/A/Catch[0]"),
    ]


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
