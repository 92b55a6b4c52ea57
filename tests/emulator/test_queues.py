"""Queues' attributes, which each call leaves as they are unless it names them."""

import json
import uuid

import boto3


def test_a_queue_keeps_its_policy_and_tells_its_redrive_policy_without_spaces(target):
    sqs, name = boto3.client("sqs"), f"queue-{uuid.uuid4().hex[:8]}"
    policy = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    given = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [policy]})}
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    url = sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]
    try:
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}'
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60", "RedrivePolicy": redrive})
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert json.loads(found["Policy"]) == json.loads(given["Policy"])
        assert (found["RedrivePolicy"], found["VisibilityTimeout"]) == (redrive, "60")
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    finally:
        sqs.delete_queue(QueueUrl=url)
        sqs.delete_queue(QueueUrl=dead)
