"""FilterLogEvents: the streams and the terms that are asked for."""

import json
import time
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def search(target):
    """The messages that a search of a log group finds, which has two streams of two events."""
    logs, name, now = boto3.client("logs"), f"group-{uuid.uuid4().hex}", int(time.time() * 1000)
    logs.create_log_group(logGroupName=name)
    for stream, messages in {
        "a/1": ["ERROR of disk-1", "WARN low"],
        "b/1": ["INFO ready", 'ERROR said "no" to 4'],
    }.items():
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        events = [{"timestamp": now + 10 * place, "message": text} for place, text in enumerate(messages)]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)

    def search(**given):
        given = given if "logGroupIdentifier" in given else {"logGroupName": name} | given
        return [event["message"] for event in logs.filter_log_events(**given)["events"]]

    search.group = name
    yield search
    logs.delete_log_group(logGroupName=name)


@pytest.mark.parametrize(
    ("prefix", "found"),
    [("a/", ["ERROR of disk-1", "WARN low"]), ("b", ["INFO ready", 'ERROR said "no" to 4']), ("c", [])],
)
def test_streams_of_a_prefix_are_searched_and_no_others(search, prefix, found):
    assert search(logStreamNamePrefix=prefix) == found


def test_events_of_several_streams_come_by_their_time(search):
    assert search() == ["ERROR of disk-1", "INFO ready", "WARN low", 'ERROR said "no" to 4']


def test_a_group_is_found_by_its_arn(search):
    arn = boto3.client("logs").describe_log_groups(logGroupNamePrefix=search.group)["logGroups"][0]["arn"]
    assert len(search(logGroupIdentifier=arn.removesuffix(":*"))) == 4


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", 4),
        ("ERROR", 2),
        ("ERROR disk", 1),
        ('"of disk-1"', 1),
        (r'"said \"no\""', 1),
        ("ERROR -disk", 1),
        ("?WARN ?INFO", 2),
        ("error", 0),
    ],
)
def test_terms(search, pattern, found):
    assert len(search(filterPattern=pattern)) == found


EVENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "errorCode": 400,
    "latency": 50.5,
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "Cluster.Name": "c",
}
FIELDS = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.fixture(scope="module")
def one_event(target):
    """Whether a search of a log group with one event of JSON and one of fields finds either."""
    logs, name, now = boto3.client("logs"), f"group-{uuid.uuid4().hex}", int(time.time() * 1000)
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    events = [{"timestamp": now, "message": text} for text in (json.dumps(EVENT), FIELDS)]
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
    yield lambda pattern: bool(logs.filter_log_events(logGroupName=name, filterPattern=pattern)["events"])
    logs.delete_log_group(logGroupName=name)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ('{ $.eventType = "updatetrail" }', False),
        ("{ $.eventType = Update* }", True),
        ("{ $.eventType = *a*T*l }", True),
        ('{ $.eventType = "*Trial" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress != 111.* }", False),
        ("{ $.nothing != 111.* }", False),
        ("{ $.errorCode = 400 }", True),
        ("{ $.errorCode = 4* }", True),
        ("{ $.errorCode >= 4e2 && $.latency < 51 }", True),
        ("{ $.errorCode > 400 || $.latency <= 50 }", False),
        ("{ $.eventType = x && $.errorCode = 1 || $.latency > 50 }", True),
        ("{ $.eventType = x && ($.errorCode = 1 || $.latency > 50) }", False),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[1] = "value" }', False),
        ('{ $.arrayKey[*] = "another value" }', True),
        ("{ $.arrayKey = value }", False),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[7].id = 2 }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.nothing IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ("{ $.ThisFlag = 1 }", False),
        ("{ $.['Cluster.Name'] = \"c\" }", True),
        ("{ $.eventType = %Upd[a-z]+Tr% }", True),
        ("{ $.eventType = %^Trail% }", False),
        ("[ip, user, username, time, request, status_code, bytes]", True),
        ("[ip, user, username, time, request = *.html*, status_code = 4*, bytes]", True),
        ("[ip, user, username, time, request, status_code = 404 || status_code = 410, bytes > 1534]", False),
        ("[..., status_code != 404, bytes = 1534]", False),
        ("[..., bytes >= 1534]", True),
        ("[ip = %127\\.0\\.0\\.[1-9]%, ...]", True),
        ("[ip != 127.*, rest]", True),  # the event of JSON has other fields
        ("[w1 = 127.0.0.1, w2]", True),
        (f"[{', '.join(f'w{number}' for number in range(60))}]", False),
        ("%40[0-9]%", True),
        ("%^40[0-9]%", False),
    ],
)
def test_members_fields_and_regular_expressions(one_event, pattern, found):
    assert one_event(pattern) is found


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"filterPattern": "disk-1"}, "InvalidParameterException", "Invalid character(s) in term 'disk-1'"),
        ({"filterPattern": '"open'}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "{ $.level = }"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "{ level = 4 }"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": '{ $.level > "a" }'}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "{ $.level IS NOTHING }"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "{ $.a = 1 } else"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "{" + "(" * 60 + "$.a = 1" + ")" * 60 + "}"}, "InvalidParameterException", "Invalid filter"),
        ({"filterPattern": "[a, ..., b, ...]"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "[a, b"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": "%something!%"}, "InvalidParameterException", "Invalid character(s) in term"),
        ({"filterPattern": "%a[%"}, "InvalidParameterException", "Invalid filter pattern"),
        ({"logStreamNames": ["a/1"], "logStreamNamePrefix": "a"}, "InvalidParameterException", "specified together"),
        ({"logGroupName": "nowhere", "logStreamNamePrefix": "a"}, "ResourceNotFoundException", "does not exist"),
    ],
)
def test_what_cannot_be_searched_is_refused(search, given, code, words):
    with pytest.raises(ClientError) as error:
        search(**given)
    assert error.value.response["Error"]["Code"] == code
    assert words in error.value.response["Error"]["Message"]
