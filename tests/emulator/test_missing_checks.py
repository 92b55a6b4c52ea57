"""What AWS refuses and moto lets pass."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError


def test_a_secret_has_a_name_of_some_characters(target):
    with pytest.raises(ClientError, match="Must be a valid name containing alphanumeric characters"):
        boto3.client("secretsmanager").create_secret(Name="Invalid Name", SecretString="x")


def test_a_table_has_a_name_of_some_characters(target):
    with pytest.raises(ClientError, match=r"Value '/t' at 'tableName' failed to satisfy constraint"):
        boto3.client("dynamodb").get_item(TableName="/t", Key={"id": {"S": "1"}})


def test_objects_are_encrypted_as_on_aws(target):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="overlooked")
    put = s3.put_object(Bucket="overlooked", Key="a/b", Body=b"x")
    assert put["ServerSideEncryption"] == "AES256" and put["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket="overlooked", Key="a/b")["ServerSideEncryption"] == "AES256"
    assert "ServerSideEncryption" not in s3.list_objects_v2(Bucket="overlooked")


def test_an_event_says_of_which_account_it_is(target):
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="overlooked")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="overlooked", EventPattern=json.dumps({"source": ["overlooked"]}))
    events.put_targets(Rule="overlooked", Targets=[{"Id": "1", "Arn": arn}])
    events.put_events(Entries=[{"Source": "overlooked", "DetailType": "d", "Detail": "{}"}])
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["account"] == "123456789012"
    events.remove_targets(Rule="overlooked", Ids=["1"])
    events.delete_rule(Name="overlooked")


def test_what_is_published_needs_a_topic_and_a_fifo_topic_a_group(target):
    sns = boto3.client("sns")
    with pytest.raises(ClientError, match="Topic does not exist"):
        sns.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:none", Message="x")
    arn = sns.create_topic(Name="overlooked.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    with pytest.raises(ClientError, match="The MessageGroupId parameter is required for FIFO topics"):
        sns.publish(TopicArn=arn, Message="x", MessageDeduplicationId="1")
    sns.delete_topic(TopicArn=arn)
