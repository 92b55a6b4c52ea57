"""FilterLogEvents: the streams and the terms that are asked for."""

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


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"filterPattern": "disk-1"}, "InvalidParameterException", "Invalid character(s) in term 'disk-1'"),
        ({"filterPattern": '"open'}, "InvalidParameterException", "Invalid filter pattern"),
        ({"filterPattern": '{ $.level = "ERROR" }'}, "NotImplemented", "not emulated: filter patterns"),
        ({"logStreamNames": ["a/1"], "logStreamNamePrefix": "a"}, "InvalidParameterException", "specified together"),
        ({"logGroupName": "nowhere", "logStreamNamePrefix": "a"}, "ResourceNotFoundException", "does not exist"),
    ],
)
def test_what_cannot_be_searched_is_refused(search, given, code, words):
    with pytest.raises(ClientError) as error:
        search(**given)
    assert error.value.response["Error"]["Code"] == code
    assert words in error.value.response["Error"]["Message"]
