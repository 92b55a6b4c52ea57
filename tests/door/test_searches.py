"""What a request searches by is an expression to moto, and ends all the same."""

import time

import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.timeout(60)
ENDLESS = "(a|aa)+$"
NAME = "a" * 60 + "b"


@pytest.fixture
def refused_soon():
    """Asks, and returns the code of the refusal, which comes soon."""

    def ask(operation, **given):
        began = time.monotonic()
        with pytest.raises(ClientError) as caught:
            operation(**given)
        assert time.monotonic() - began < 10
        return caught.value.response["Error"]["Code"]

    return ask


def test_tables_of_glue(target, refused_soon):
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": "d"})
    glue.create_table(DatabaseName="d", TableInput={"Name": NAME})
    try:
        found = [each["Name"] for each in glue.get_tables(DatabaseName="d", Expression="a*")["TableList"]]
        assert found == [NAME]
        assert refused_soon(glue.get_tables, DatabaseName="d", Expression=ENDLESS) == "InvalidInputException"
        assert glue.get_tables(DatabaseName="d", Expression="(a+)+$")["TableList"] == []
        assert refused_soon(glue.get_tables, DatabaseName="d", Expression="(") == "InvalidInputException"
    finally:
        glue.delete_database(Name="d")


def test_partitions_of_glue(target):
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": "p"})
    columns = [{"Name": "k", "Type": "string"}]
    glue.create_table(DatabaseName="p", TableInput={"Name": "t", "PartitionKeys": columns})
    given = {"Values": ["a" * 200], "StorageDescriptor": {"Columns": columns}}
    glue.create_partition(DatabaseName="p", TableName="t", PartitionInput=given)
    began = time.monotonic()
    try:
        glue.get_partitions(DatabaseName="p", TableName="t", Expression=f"k LIKE '{'%a' * 40}b'")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidInputException"
    assert time.monotonic() - began < 10
    glue.delete_database(Name="p")


def test_queues_and_rules(target, refused_soon):
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName=NAME)["QueueUrl"]
    events.put_rule(Name=NAME, ScheduleExpression="rate(1 day)", State="DISABLED")
    try:
        assert sqs.list_queues(QueueNamePrefix="aa")["QueueUrls"] == [url]
        assert refused_soon(sqs.list_queues, QueueNamePrefix=ENDLESS) == "InvalidParameterValue"
        assert refused_soon(events.list_rules, NamePrefix=ENDLESS) == "ValidationException"
    finally:
        sqs.delete_queue(QueueUrl=url)
        events.delete_rule(Name=NAME)
