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
